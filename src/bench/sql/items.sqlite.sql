INSERT INTO payout_items (id, district_id, street_id, community_id, run_id, enrolment_id, beneficiary_id, bank_account_id, budget_line_id, state, gross, tax, net, outstanding_recovery, explanation, return_confirmed, version)
SELECT randomblob(16), $2, $3, due.community_id, $1, due.enrolment_id, due.beneficiary_id, due.account_id, $5, 'posted', due.gross, 0, due.gross, 0, due.explanation, false, 1
FROM (
  SELECT x.enrolment_id, x.beneficiary_id, x.community_id, x.account_id, SUM($7 - x.settled) AS gross,
    json_group_array(json_object('period', x.period, 'entitled', $7, 'settled', x.settled, 'difference', $7 - x.settled, 'taken', $7 - x.settled, 'kind', CASE WHEN $7 > x.settled THEN 'regular' END)) AS explanation
  FROM (
    SELECT e.id AS enrolment_id, b.id AS beneficiary_id, b.community_id, a.id AS account_id, p.value AS period,
      COALESCE((SELECT SUM(q.amount) FROM payout_parts q WHERE q.district_id = $2 AND q.street_id = $3 AND q.enrolment_id = e.id AND q.period = p.value AND q.live), 0) AS settled
    FROM enrolments e
    JOIN beneficiaries b ON b.id = e.beneficiary_id AND b.street_id = $3
    JOIN bank_accounts a ON a.district_id = $2 AND a.beneficiary_id = b.id AND a.state = 'confirmed'
    CROSS JOIN json_each($6) AS p
    WHERE e.district_id = $2 AND e.street_id = $3 AND e.scheme_id = $4 AND e.state = 'confirmed' AND e.from_date <= $8 AND e.to_date IS NULL AND NOT b.on_payroll
      AND NOT EXISTS (SELECT 1 FROM suspensions t WHERE t.enrolment_id = e.id AND t.street_id = $3)
  ) x GROUP BY x.enrolment_id
) due WHERE due.gross > 0
