-- A session opens in one trip to the server, most password sign-ins without a transaction around it.
-- Under READ COMMITTED a statement that waited for a lock still sees the other tables as they were before it waited. The
-- statements of a volatile function each see what was committed until they began, so the lock may come first in it.

create type session_opened as (
  session_id uuid,
  method text,
  session_created_at timestamptz,
  proved_at timestamptz,
  viewer viewers,
  has_a_past boolean,
  device_is_known boolean,
  has_countries boolean,
  country_is_known boolean,
  last_ip text,
  last_seen_at timestamptz
);

create function session_open(
  account_id uuid,
  session_id uuid,
  method text,
  began_at timestamptz,
  expires_at timestamptz,
  now timestamptz,
  password_hash text,
  second_factor_proved boolean,
  only_if_usual boolean,
  token_id uuid,
  token_hash bytea,
  salt bytea,
  ip text,
  user_agent text,
  device_hash bytea,
  device_proved boolean,
  known_device bytea,
  accepted_devices bytea[],
  is_placed boolean,
  country text,
  forgotten timestamptz,
  event_id uuid,
  event text,
  detail jsonb
) returns setof session_opened language plpgsql as $$
#variable_conflict use_column
declare
  seen record;
begin
  perform from accounts where id = session_open.account_id for no key update;

  select exists (select from sessions where account_id = session_open.account_id) as has_a_past,
         exists (select from known_devices
                 where account_id = session_open.account_id and device_hash = any(accepted_devices)
                   and last_seen_at > forgotten) as device_is_known,
         exists (select from known_countries
                 where account_id = session_open.account_id and last_seen_at > forgotten) as has_countries,
         exists (select from known_countries
                 where account_id = session_open.account_id and country = session_open.country
                   and last_seen_at > forgotten) as country_is_known,
         last.ip as last_ip, last.last_seen_at
  into seen
  -- Sought among the twenty newest sessions, ended ones too, and only where the place of today is known.
  from (select) once
  left join lateral (
    select newest.ip, newest.last_seen_at
    from (select ip, last_seen_at from sessions
          where account_id = session_open.account_id and is_placed
          order by id desc limit 20) newest
    where newest.ip <> '' order by newest.last_seen_at desc limit 1
  ) last on true;

  if only_if_usual and not (
    seen.device_is_known
    and (not is_placed
         or (session_open.country is null or seen.country_is_known) and seen.last_ip is not distinct from session_open.ip)
  ) then
    return;
  end if;

  insert into sessions (id, account_id, method, user_agent, ip, device_hash, device_proved, created_at,
                        last_seen_at, expires_at)
  select session_open.session_id, session_open.account_id, session_open.method, session_open.user_agent,
         session_open.ip, session_open.device_hash, session_open.device_proved, began_at,
         session_open.now, session_open.expires_at
  where (second_factor_proved
         or not exists (select from second_factors
                        where account_id = session_open.account_id and enabled_at is not null))
    and (session_open.password_hash is null
         or exists (select from accounts
                    where id = session_open.account_id and password_hash = session_open.password_hash
                      and password_reset_required_at is null))
    and not exists (select from erased_bearer_sessions where id = session_open.session_id)
  on conflict (id) do nothing;
  if not found then
    return;
  end if;

  if token_id is not null then
    insert into refresh_tokens (id, session_id, token_hash, salt, created_at, expires_at)
    values (token_id, session_open.session_id, session_open.token_hash, session_open.salt, session_open.now,
            session_open.expires_at);
  end if;

  insert into audit_events (id, account_id, event, at, ip, user_agent, detail)
  values (event_id, session_open.account_id, session_open.event, session_open.now, session_open.ip,
          session_open.user_agent, session_open.detail);

  insert into known_devices (account_id, device_hash, user_agent, first_seen_at, last_seen_at)
  values (session_open.account_id, known_device, session_open.user_agent, session_open.now, session_open.now)
  on conflict (account_id, device_hash) do update
  set last_seen_at = excluded.last_seen_at, user_agent = excluded.user_agent;

  if session_open.country is not null then
    insert into known_countries (account_id, country, first_seen_at, last_seen_at)
    values (session_open.account_id, session_open.country, session_open.now, session_open.now)
    on conflict (account_id, country) do update set last_seen_at = excluded.last_seen_at;
  end if;

  return query
  select session_open.session_id, session_open.method, began_at, cast(null as timestamptz), viewers,
         seen.has_a_past, seen.device_is_known, seen.has_countries, seen.country_is_known, seen.last_ip,
         seen.last_seen_at
  from viewers where viewers.account_id = session_open.account_id;
end
$$;
