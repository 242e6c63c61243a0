INSERT INTO payout_parts (id, district_id, street_id, item_id, enrolment_id, scheme_kind_id, person_key, period, kind, amount, live, holds)
SELECT randomblob(16), $2, $3, i.id, i.enrolment_id, $4, b.person_key, $5, 'regular', i.gross, true, true
FROM payout_items i JOIN beneficiaries b ON b.id = i.beneficiary_id AND b.street_id = $3 WHERE i.district_id = $2 AND i.run_id = $1
