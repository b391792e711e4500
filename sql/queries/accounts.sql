-- Accounts, their password and the proof of their e-mail address.

-- name: account_add!
insert into accounts (id, email, password_hash, created_at, updated_at)
values (:account_id, :email, :password_hash, :now, :now)

-- name: profile_add!
insert into profiles (account_id, handle, display_name, updated_at)
values (:account_id, :handle, :display_name, :now)

-- name: credentials_by_email^
select id as account_id, password_hash from accounts where email = :email

-- name: credentials_locked^
-- Held until the session is written, so that a change of password or a deletion cannot slip in between.
select id as account_id, password_hash from accounts where id = :account_id for no key update

-- name: account_lock$
select id from accounts where id = :account_id for no key update

-- name: password_rehash!
update accounts set password_hash = :password_hash where id = :account_id

-- name: email_proof_add!
insert into email_proofs (id, account_id, token_hash, created_at, expires_at)
values (:proof_id, :account_id, :token_hash, :now, :expires_at)

-- name: email_proof_use$
with proof as (
  update email_proofs set used_at = :now
  where token_hash = :token_hash and used_at is null and expires_at > :now
  returning account_id
)
update accounts set email_verified_at = coalesce(email_verified_at, :now), updated_at = :now
from proof
where accounts.id = proof.account_id
returning accounts.id
