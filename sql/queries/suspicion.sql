-- What is noticed about a sign-in, and what its owner takes back. Whoever runs these holds the account's row.

-- name: sightings_forget!
with devices as (
  delete from known_devices where last_seen_at <= :forgotten
)
delete from known_countries where last_seen_at <= :forgotten

-- name: not_me_link_open$
-- Gives back where the link is to be mailed; nothing where there is no such account, or it has no address. Who moved the
-- account to another address lately, and may be the thief, gets no link that would move it back there; whoever brought it
-- back by such a link does.
insert into not_me_links (id, account_id, email, token_hash, restores_address, happened_at, created_at, expires_at)
select cast(:link_id as uuid), a.id, a.email, cast(:token_hash as bytea),
       coalesce((select e.at <= cast(:settled as timestamptz) or coalesce(e.detail ->> 'reason', '') = 'NOT_ME'
                 from audit_events e
                 where e.account_id = a.id and e.event = 'EMAIL_CHANGED'
                 order by e.id desc limit 1), true),
       cast(:happened_at as timestamptz), cast(:now as timestamptz), cast(:expires_at as timestamptz)
from accounts a where a.id = :account_id and a.email is not null
returning email

-- name: not_me_link_account$
select account_id from not_me_links where token_hash = :token_hash and used_at is null and expires_at > :now

-- name: not_me_link_use^
-- Links about what came later are void: it is undone too.
with used as (
  update not_me_links set used_at = :now
  where token_hash = :token_hash and used_at is null and expires_at > :now
  returning id, account_id, email, restores_address, happened_at, created_at
), void as (
  delete from not_me_links l using used
  where l.account_id = used.account_id and l.id <> used.id and l.used_at is null and l.created_at >= used.created_at
)
select email, restores_address, happened_at from used

-- name: not_me_links_forget!
delete from not_me_links where expires_at <= :now

-- name: sightings_drop!
-- The sessions, all ended by now, no longer say in which browser they lived: a thief's must not speak for a face.
with devices as (
  delete from known_devices where account_id = :account_id
), browsers as (
  update sessions set device_hash = null where account_id = :account_id and device_hash is not null
)
delete from known_countries where account_id = :account_id

-- name: password_block$
-- Null where there is no password to block.
update accounts set password_reset_required_at = :now, updated_at = :now
where id = :account_id and password_hash is not null
returning id

-- name: identities_undo
-- What was linked since comes back by its owner's own hand only.
with removed as (
  delete from identities where account_id = :account_id and linked_at >= :since
  returning issuer, subject, account_id, provider
), remembered as (
  insert into unlinked_identities (issuer, subject, account_id, provider, unlinked_at)
  select issuer, subject, account_id, provider, cast(:now as timestamptz) from removed
  on conflict do nothing
)
select provider from removed

-- name: second_factor_undo
-- A set-up that was begun and not confirmed goes too.
delete from second_factors where account_id = :account_id and coalesce(enabled_at, created_at) >= :since
returning 'second_factor' as undone

-- name: backup_codes_undo
-- Codes that were drawn anew since are in the hands of whoever drew them. The factor itself stays its owner's.
delete from backup_codes
where account_id = :account_id
  and exists (select from audit_events
              where account_id = :account_id and event = 'BACKUP_CODES_REPLACED' and at >= :since)
returning 'backup_codes' as undone

-- name: passkeys_undo
delete from passkeys where account_id = :account_id and created_at >= :since returning 'passkeys' as undone

-- name: faces_undo
delete from face_templates where account_id = :account_id and created_at >= :since returning 'faces' as undone

-- name: address_of$
select email from accounts where id = :account_id

-- name: address_release_campus!
-- Comes before `address_release`: a campus that only an unproved address spoke for does not outlive it.
update profiles p set campus_id = null
from accounts a
where a.id = p.account_id and a.email = :email and a.id <> :account_id and a.email_verified_at is null

-- name: address_release!
-- Somebody signed up with the address meanwhile and never proved it.
update accounts set email = null, updated_at = :now
where email = :email and id <> :account_id and email_verified_at is null

-- name: address_restore$
-- Where somebody else has proved the address meanwhile, the account is left without one. Gives back the address.
update accounts set
  email = case when not exists (select from accounts o where o.email = :email and o.id <> :account_id) then :email end,
  email_verified_at = case when not exists (select from accounts o where o.email = :email and o.id <> :account_id)
                           then cast(:now as timestamptz) end,
  updated_at = :now
where id = :account_id
returning email
