-- What opens an account besides a session: its password, and the links that were mailed for a new one.
-- Whoever changes any of it locks the account's row first.

-- name: credentials_of^
-- A password that must be reset confirms nothing.
select id as account_id, case when password_reset_required_at is null then password_hash end as password_hash
from accounts where id = :account_id

-- name: ways_in^
select a.email, a.email_verified_at, a.password_hash is not null as has_password,
       (select count(*) from identities i where i.account_id = a.id) as identities,
       (select count(*) from passkeys p where p.account_id = a.id) as passkeys
from accounts a where a.id = :account_id

-- name: password_set!
update accounts set password_hash = :password_hash, password_reset_required_at = null, updated_at = :now
where id = :account_id

-- name: account_of_email$
select id from accounts where email = :email

-- name: password_reset_open$
-- Nothing is written for an account that has another address by now.
insert into password_resets (id, account_id, email, token_hash, created_at, expires_at)
select :reset_id, a.id, a.email, :token_hash, :now, :expires_at
from accounts a
where a.id = :account_id and a.email = :email
returning account_id

-- name: password_reset_readable^
select a.id as account_id, a.email, p.handle, p.display_name
from password_resets r
join accounts a on a.id = r.account_id and a.email = r.email
join profiles p on p.account_id = a.id
where r.token_hash = :token_hash and r.used_at is null and r.expires_at > :now

-- name: password_reset_use^
-- The link was mailed to the address that the account still has, so whoever holds it has shown that the address is theirs.
with used as (
  update password_resets r set used_at = :now
  from accounts a
  where r.token_hash = :token_hash and r.used_at is null and r.expires_at > :now
    and a.id = r.account_id and a.email = r.email
  returning r.account_id
), before as (
  select a.id, a.email_verified_at from accounts a join used on used.account_id = a.id
), changed as (
  update accounts set password_hash = :password_hash, password_reset_required_at = null,
                      email_verified_at = coalesce(accounts.email_verified_at, :now), updated_at = :now
  from used
  where accounts.id = used.account_id
)
select id as account_id, email_verified_at from before

-- name: password_resets_drop!
delete from password_resets where account_id = :account_id and used_at is null

-- name: email_changes_drop!
delete from email_proofs where account_id = :account_id and used_at is null and email is not null

-- name: identities_unlink_unproved
-- What was linked before the address was proved may be the foothold of somebody who signed up with it first. What
-- carries the very address, proved by its provider, is its owner's.
delete from identities
where account_id = :account_id
  and (cast(:proved_at as timestamptz) is null or linked_at < :proved_at)
  and not (email_verified and email is not distinct from :email)
returning provider
