INSERT INTO payout_items (id, district_id, street_id, community_id, run_id, enrolment_id, beneficiary_id, bank_account_id, budget_line_id, state, gross, tax, net, outstanding_recovery, explanation, return_confirmed, version)
SELECT gen_random_uuid(), $2, $3, due.community_id, $1, due.enrolment_id, due.beneficiary_id, due.account_id, $5, 'posted', due.gross, 0, due.gross, 0, due.explanation, false, 1
FROM (
  SELECT e.id AS enrolment_id, b.id AS beneficiary_id, b.community_id, a.id AS account_id, SUM($7::bigint - COALESCE(s.settled, 0))::bigint AS gross,
    jsonb_agg(jsonb_build_object('period', p.period, 'entitled', $7::bigint, 'settled', COALESCE(s.settled, 0), 'difference', $7::bigint - COALESCE(s.settled, 0),
      'taken', $7::bigint - COALESCE(s.settled, 0), 'kind', CASE WHEN $7::bigint > COALESCE(s.settled, 0) THEN 'regular' END) ORDER BY p.period) AS explanation
  FROM enrolments e
  JOIN beneficiaries b ON b.id = e.beneficiary_id AND b.street_id = $3
  JOIN bank_accounts a ON a.beneficiary_id = b.id AND a.street_id = $3 AND a.state = 'confirmed'
  CROSS JOIN json_array_elements_text(CAST($6 AS json)) AS p(period)
  LEFT JOIN (
    SELECT enrolment_id, period, SUM(amount)::bigint AS settled FROM payout_parts WHERE district_id = $2 AND street_id = $3 AND live GROUP BY enrolment_id, period
  ) s ON s.enrolment_id = e.id AND s.period = p.period
  WHERE e.district_id = $2 AND e.street_id = $3 AND e.scheme_id = $4 AND e.state = 'confirmed' AND e.from_date <= $8 AND e.to_date IS NULL AND NOT b.on_payroll
    AND NOT EXISTS (SELECT 1 FROM suspensions t WHERE t.enrolment_id = e.id AND t.street_id = $3)
  GROUP BY e.id, b.id, b.community_id, a.id
) due WHERE due.gross > 0
