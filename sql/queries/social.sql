-- Identities at providers, and the accounts that they open.

-- name: identity_account$
select account_id from identities where issuer = :issuer and subject = :subject

-- name: identity_seen$
-- Null when the identity was unlinked between finding it and holding the account's row.
update identities
set email = :email, email_verified = :email_verified, username = coalesce(:username, username),
    token_sealed = coalesce(:token_sealed, token_sealed), last_used_at = :now
where issuer = :issuer and subject = :subject and account_id = :account_id
returning account_id

-- name: identity_add!
with back as (
  delete from unlinked_identities where account_id = :account_id and issuer = :issuer and subject = :subject
)
insert into identities (issuer, subject, account_id, provider, email, email_verified, username, token_sealed, linked_at,
                        last_used_at)
values (:issuer, :subject, :account_id, :provider, :email, :email_verified, :username, :token_sealed, :now, :now)

-- name: address_holder_locked^
select id as account_id, email_verified_at from accounts where email = :email for no key update

-- name: address_adopt!
-- An account that has no address takes the one its provider vouches for, unless somebody has it.
update accounts set email = :email, email_verified_at = :now, updated_at = :now
where id = :account_id and email is null and not exists (select from accounts where email = :email)

-- name: account_of_identity_add!
with account as (
  insert into accounts (id, email, email_verified_at, created_at, updated_at)
  values (:account_id, :email, :email_verified_at, :now, :now)
  returning id
)
insert into profiles (account_id, handle, display_name, updated_at)
select id, :handle, :display_name, cast(:now as timestamptz) from account

-- name: handle_first_free$
-- The first of the wished handles that nobody has and nobody may still come back to.
select wished.handle from unnest(cast(:handles as text[])) with ordinality as wished (handle, place)
where not exists (select from profiles p where p.handle = wished.handle)
  and not exists (select from handle_holds h where h.handle = wished.handle and h.held_until > :now)
order by wished.place
limit 1

-- name: identities_of_account
select provider, email, username, linked_at from identities where account_id = :account_id order by linked_at, provider

-- name: address_proved_by_provider!
update accounts set email_verified_at = :now, updated_at = :now where id = :account_id and email_verified_at is null

-- name: identity_remove$
with removed as (
  delete from identities where account_id = :account_id and provider = :provider
  returning issuer, subject, account_id, provider
)
insert into unlinked_identities (issuer, subject, account_id, provider, unlinked_at)
select issuer, subject, account_id, provider, cast(:now as timestamptz) from removed
returning provider

-- name: identity_was_unlinked$
select exists (
  select from unlinked_identities where account_id = :account_id and issuer = :issuer and subject = :subject
)

-- name: bearer_sessions_revoke!
update sessions set revoked_at = :now where account_id = :account_id and method = 'firebase' and revoked_at is null

-- name: bearer_session_carry_on!
-- Each new token of one sign-in carries the session on.
update sessions set expires_at = greatest(expires_at, :expires_at), last_seen_at = :now
where id = :session_id and revoked_at is null and expires_at > :now

-- name: bearer_session_ended$
select exists (select from sessions where id = :session_id and (revoked_at is not null or expires_at <= :now))
    or exists (select from erased_bearer_sessions where id = :session_id)
