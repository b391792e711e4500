-- Sessions and their refresh tokens.
-- Whoever rotates a token and whoever ends a session both lock the session's row first: one of them comes second
-- and sees what the other did. The lock and the read of the tokens are two statements on purpose: under READ
-- COMMITTED a statement that waited for a lock still sees the other tables as they were before it waited.

-- name: session_open^
-- Writes a session, its first token where it has one, that somebody signed in, and where they were seen; the account's
-- row is held first (sql/migrations/0012). Nothing is written, and nothing comes back, while the account's second factor
-- is still asked for; when the password that was proved is not the account's any more; for a session that is there, or
-- that was erased with its account; and with `only_if_usual` where the device or the place is new to the account.
select opened.session_id, opened.method, opened.session_created_at, opened.proved_at, (opened.viewer).*,
       opened.has_a_past, opened.device_is_known, opened.has_countries, opened.country_is_known, opened.last_ip,
       opened.last_seen_at
from session_open(
  account_id => :account_id, session_id => :session_id, method => :method, began_at => :began_at,
  expires_at => :expires_at, now => :now, password_hash => :password_hash,
  second_factor_proved => :second_factor_proved, only_if_usual => :only_if_usual, token_id => :token_id,
  token_hash => :token_hash, salt => :salt, ip => :ip, user_agent => :user_agent, device_hash => :device_hash,
  device_proved => :device_proved, known_device => :known_device, accepted_devices => :accepted_devices,
  is_placed => :is_placed, country => :country, forgotten => :forgotten, event_id => :event_id, event => :event,
  detail => :detail
) opened

-- name: viewer_by_session^
select s.id as session_id, s.method, s.created_at as session_created_at, s.proved_at, viewers.*
from sessions s
join viewers on viewers.account_id = s.account_id
where s.id = :session_id and s.revoked_at is null and s.expires_at > :now
  and (cast(:account_id as uuid) is null or s.account_id = :account_id)

-- name: viewer_by_refresh_token^
-- Only looks. A token that was used counts for as long as its successor would be handed out for it.
select s.id as session_id, s.method, s.created_at as session_created_at, s.proved_at, viewers.*
from refresh_tokens t
join sessions s on s.id = t.session_id
join viewers on viewers.account_id = s.account_id
left join refresh_tokens n on n.parent_id = t.id
where t.token_hash = :token_hash and t.session_id = :session_id and s.revoked_at is null and s.expires_at > :now
  and case when t.used_at is null then t.expires_at > :now
           else t.used_at >= :used_since and n.used_at is null and n.expires_at > :now end

-- name: session_ends_at$
select expires_at from sessions where id = :session_id

-- name: session_locked_by_token^
select s.id as session_id, s.method, s.created_at as session_created_at, s.proved_at, viewers.*,
       s.expires_at as session_expires_at, s.revoked_at
from sessions s
join viewers on viewers.account_id = s.account_id
where s.id = (select session_id from refresh_tokens where token_hash = :token_hash)
for no key update of s

-- name: refresh_token_with_successor^
select t.id, t.salt, t.expires_at, t.used_at,
       n.token_hash as successor_hash, n.expires_at as successor_expires_at, n.used_at as successor_used_at
from refresh_tokens t
left join refresh_tokens n on n.parent_id = t.id
where t.token_hash = :token_hash

-- name: refresh_token_rotate!
with used as (
  update refresh_tokens set used_at = :now where id = :parent_id
), seen as (
  update sessions set last_seen_at = :now, expires_at = :expires_at, user_agent = :user_agent, ip = :ip
  where id = :session_id
)
insert into refresh_tokens (id, session_id, parent_id, token_hash, salt, created_at, expires_at)
values (:token_id, :session_id, :parent_id, :token_hash, :salt, :now, :expires_at)

-- name: session_prove$
-- Its own row, and only while it lives: a proof that arrives after the end brings nothing back.
update sessions set proved_at = :now
where id = :session_id and account_id = :account_id and revoked_at is null and expires_at > :now
returning id

-- name: session_proofs_drop!
-- What was proved before the account asked for a second factor was proved with less than that.
update sessions set proved_at = null
where account_id = :account_id and id <> cast(:kept_id as uuid) and proved_at is not null

-- name: session_revoke$
update sessions set revoked_at = :now
where id = :session_id and account_id = :account_id and revoked_at is null
returning id

-- name: session_of_token^
select s.id, s.account_id
from refresh_tokens t join sessions s on s.id = t.session_id
where t.token_hash = :token_hash

-- name: sessions_revoke_except
update sessions set revoked_at = :now
where account_id = :account_id and id is distinct from cast(:kept_id as uuid)
  and revoked_at is null and expires_at > :now
returning id

-- name: sessions_distrust!
-- Of sessions that their owner has ended from another browser: theirs does not speak for a face any more, by none of its
-- sessions. The browser that asked stays what it is, whichever of its own sessions it ended.
with gone as (
  select s.device_hash from sessions s
  where s.account_id = :account_id and s.id = any(cast(:ended_ids as uuid[]))
    and not exists (select from sessions kept where kept.id = :kept_id and kept.device_hash = s.device_hash)
)
update sessions set device_hash = null
where account_id = :account_id and device_hash in (select device_hash from gone)

-- name: browsers_distrust!
-- Of every session, ended ones too: what the old password made known does not outlive it.
update sessions set device_hash = null
where account_id = :account_id and device_hash is distinct from cast(:kept_hash as bytea) and device_hash is not null

-- name: sessions_live
-- The current one is among them, however long ago it was seen.
select id, method, user_agent, ip, created_at, last_seen_at, expires_at
from (
  select id, method, user_agent, ip, created_at, last_seen_at, expires_at
  from sessions
  where account_id = :account_id and revoked_at is null and expires_at > :now
  order by id <> :current_id, last_seen_at desc, id desc
  limit :most
) shown
order by last_seen_at desc, id desc

-- name: sessions_watched
-- Of the connected devices those whose session lives, and what was ended of their accounts since.
select id, account_id, revoked_at from sessions
where id = any(cast(:session_ids as uuid[])) and revoked_at is null and expires_at > :now
union all
select id, account_id, revoked_at from sessions
where account_id = any(cast(:account_ids as uuid[])) and revoked_at >= :since
