-- The one open proof of an account: a link and a code that were mailed to the address they prove.

-- name: email_proof_open!
insert into email_proofs (id, account_id, token_hash, email, created_at, expires_at)
values (:proof_id, :account_id, :token_hash, :email, :now, :expires_at)
on conflict (account_id) where used_at is null do update
set id = excluded.id, token_hash = excluded.token_hash, email = excluded.email,
    created_at = excluded.created_at, expires_at = excluded.expires_at

-- name: email_proof_renew$
-- Where there is nobody, or nothing to prove, nothing is written and nothing comes back.
insert into email_proofs (id, account_id, token_hash, created_at, expires_at)
select cast(:proof_id as uuid), id, cast(:token_hash as bytea), cast(:now as timestamptz), cast(:expires_at as timestamptz)
from accounts where email = :email and email_verified_at is null
on conflict (account_id) where used_at is null do update
set id = excluded.id, token_hash = excluded.token_hash, email = null,
    created_at = excluded.created_at, expires_at = excluded.expires_at
returning account_id

-- name: email_proof_of_address^
-- Whose address it is comes before whoever wants it.
select account_id, token_hash
from (
  select p.account_id, p.token_hash, p.created_at, true as is_own
  from accounts a join email_proofs p on p.account_id = a.id
  where a.email = :email and p.email is null and p.used_at is null and p.expires_at > :now
  union all
  select account_id, token_hash, created_at, false
  from email_proofs
  where email = :email and used_at is null and expires_at > :now
) proofs
order by is_own desc, created_at desc
limit 1

-- name: email_proof_account_locked^
-- The profile's row before the account's, and that before the proof's, as everybody who needs more than one. Contested is
-- an address that was never proved and was registered again with another password.
select a.id as account_id, a.email,
       a.email_verified_at is null and exists (
         select from audit_events e
         where e.account_id = a.id and e.event = 'REGISTRATION_REPEATED' and e.detail -> 'contested' is not null
       ) as is_contested
from email_proofs p join accounts a on a.id = p.account_id join profiles f on f.account_id = a.id
where p.token_hash = :token_hash and p.used_at is null and p.expires_at > :now
for no key update of f, a

-- name: email_proof_use^
update email_proofs set used_at = :now
where token_hash = :token_hash and used_at is null and expires_at > :now
returning email

-- name: email_prove!
update accounts set email_verified_at = coalesce(email_verified_at, :now), updated_at = :now where id = :account_id

-- name: email_change!
-- What was mailed to the old address to set a new password is worth nothing from now on. A campus that only an unproved
-- address spoke for stays behind with it.
with spent as (
  update password_resets set used_at = :now where account_id = :account_id and used_at is null
), strayed as (
  update profiles p set campus_id = null
  from accounts a, campuses c
  where p.account_id = :account_id and a.id = p.account_id and a.email_verified_at is null
    and c.id = p.campus_id and c.domain <> split_part(:email, '@', 2)
    and not (cast(:with_subdomains as boolean)
             and right(split_part(:email, '@', 2), length(c.domain) + 1) = '.' || c.domain)
)
update accounts set email = :email, email_verified_at = :now, updated_at = :now where id = :account_id
