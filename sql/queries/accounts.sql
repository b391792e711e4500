-- Accounts, their password and their profile at birth.

-- name: account_add!
with account as (
  insert into accounts (id, email, password_hash, created_at, updated_at)
  values (:account_id, :email, :password_hash, :now, :now)
  returning id
)
insert into profiles (account_id, handle, display_name, campus_id, updated_at)
select id, :handle, :display_name, cast(:campus_id as uuid), cast(:now as timestamptz) from account

-- name: credentials_by_email^
select id as account_id, password_hash, password_reset_required_at is not null as reset_required
from accounts where email = :email

-- name: credentials_locked^
-- Held until the session is written, so that a change of password or a deletion cannot slip in between.
select id as account_id, password_hash, password_reset_required_at is not null as reset_required
from accounts where id = :account_id for no key update

-- name: account_lock$
select id from accounts where id = :account_id for no key update

-- name: password_rehash!
update accounts set password_hash = :password_hash where id = :account_id
