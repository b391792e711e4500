-- Sessions and their refresh tokens.
-- Whoever rotates a token and whoever ends a session both lock the session's row first: one of them comes second
-- and sees what the other did. The lock and the read of the tokens are two statements on purpose: under READ
-- COMMITTED a statement that waited for a lock still sees the other tables as they were before it waited.

-- name: session_open^
-- Writes a session, its first token where it has one, that somebody signed in, and where they were seen. Nothing is
-- written, and nothing comes back, while the account's second factor is still asked for; when the password that was proved
-- is not the account's any more; for a session that is there, or that was erased with its account.
-- Reads what was known of the account before: all parts of a statement see the tables as they were. The address last seen
-- is sought among the twenty newest sessions, ended ones too.
with opened as (
  insert into sessions (id, account_id, method, user_agent, ip, device_hash, device_proved, created_at,
                        last_seen_at, expires_at)
  select cast(:session_id as uuid), cast(:account_id as uuid), cast(:method as text), cast(:user_agent as text),
         cast(:ip as text), cast(:device_hash as bytea), cast(:device_proved as boolean), cast(:began_at as timestamptz),
         cast(:now as timestamptz), cast(:expires_at as timestamptz)
  where (cast(:second_factor_proved as boolean)
         or not exists (select from second_factors where account_id = :account_id and enabled_at is not null))
    and (cast(:password_hash as text) is null
         or exists (select from accounts where id = :account_id and password_hash = :password_hash
                      and password_reset_required_at is null))
    and not exists (select from erased_bearer_sessions where id = :session_id)
  on conflict (id) do nothing
  returning id, account_id, method, created_at, proved_at
), first_token as (
  insert into refresh_tokens (id, session_id, token_hash, salt, created_at, expires_at)
  select cast(:token_id as uuid), opened.id, cast(:token_hash as bytea), cast(:salt as bytea),
         cast(:now as timestamptz), cast(:expires_at as timestamptz)
  from opened where cast(:token_id as uuid) is not null
), event as (
  insert into audit_events (id, account_id, event, at, ip, user_agent, detail)
  select cast(:event_id as uuid), opened.account_id, cast(:event as text), cast(:now as timestamptz), cast(:ip as text),
         cast(:user_agent as text), cast(:detail as jsonb)
  from opened
), device as (
  insert into known_devices (account_id, device_hash, user_agent, first_seen_at, last_seen_at)
  select opened.account_id, cast(:known_device as bytea), cast(:user_agent as text), cast(:now as timestamptz),
         cast(:now as timestamptz)
  from opened
  on conflict (account_id, device_hash) do update
  set last_seen_at = excluded.last_seen_at, user_agent = excluded.user_agent
), country as (
  insert into known_countries (account_id, country, first_seen_at, last_seen_at)
  select opened.account_id, cast(:country as text), cast(:now as timestamptz), cast(:now as timestamptz)
  from opened where cast(:country as text) is not null
  on conflict (account_id, country) do update set last_seen_at = excluded.last_seen_at
), earlier as (
  select ip, last_seen_at from sessions where account_id = :account_id order by id desc limit 20
)
select opened.id as session_id, opened.method, opened.created_at as session_created_at, opened.proved_at, viewers.*,
       exists (select from earlier) as has_a_past,
       exists (select from known_devices
               where account_id = :account_id and device_hash = any(cast(:accepted_devices as bytea[]))
                 and last_seen_at > :forgotten) as device_is_known,
       exists (select from known_countries
               where account_id = :account_id and last_seen_at > :forgotten) as has_countries,
       exists (select from known_countries
               where account_id = :account_id and country = :country and last_seen_at > :forgotten) as country_is_known,
       last.ip as last_ip, last.last_seen_at
from opened
join viewers on viewers.account_id = opened.account_id
left join (select ip, last_seen_at from earlier where ip <> '' order by last_seen_at desc limit 1) last on true

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

-- name: session_revoke_by_token$
update sessions set revoked_at = :now
where id = (select session_id from refresh_tokens where token_hash = :token_hash) and revoked_at is null
returning id

-- name: sessions_revoke_except
update sessions set revoked_at = :now
where account_id = :account_id and id is distinct from cast(:kept_id as uuid)
  and revoked_at is null and expires_at > :now
returning id

-- name: sessions_live
select id, method, user_agent, ip, created_at, last_seen_at, expires_at
from sessions
where account_id = :account_id and revoked_at is null and expires_at > :now
order by last_seen_at desc, id desc

-- name: sessions_watched
-- Of the accounts whose devices are connected: the live sessions, and those revoked since.
select id, account_id, revoked_at from sessions
where account_id = any(cast(:account_ids as uuid[]))
  and (revoked_at >= :since or (revoked_at is null and expires_at > :now))
