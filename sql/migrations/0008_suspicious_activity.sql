-- Where an account was seen, so that what is new can be told; and the links by which its owner says "this was not me".

-- The password opens nothing from this moment until its owner has chosen another by a mailed link.
alter table accounts add column password_reset_required_at timestamptz;

-- Browsers by the hash of the id in their cookie, programs that keep no cookie by that of their name and network. The
-- memory outlives the sessions, and is forgotten a year after the last of them.
create table known_devices (
  account_id uuid not null references accounts (id) on delete cascade,
  device_hash bytea not null,
  user_agent text not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  primary key (account_id, device_hash)
);
create index known_devices_by_age on known_devices (last_seen_at);

-- Written only while GEOIP_FILE is set.
create table known_countries (
  account_id uuid not null references accounts (id) on delete cascade,
  country text not null,
  first_seen_at timestamptz not null,
  last_seen_at timestamptz not null,
  primary key (account_id, country)
);
create index known_countries_by_age on known_countries (last_seen_at);

-- A link undoes what happened to the account since `happened_at`. It was mailed to `email`; with `restores_address` the
-- account goes back to that address where it was moved to another since.
create table not_me_links (
  id uuid primary key,
  account_id uuid not null references accounts (id) on delete cascade,
  email text not null,
  token_hash bytea not null,
  restores_address boolean not null,
  happened_at timestamptz not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  constraint not_me_links_hash_unique unique (token_hash)
);
create index not_me_links_of_account on not_me_links (account_id);
create index not_me_links_by_expiry on not_me_links (expires_at);

-- The newest sessions of an account, without walking through all that ever were. Ids are in the order of time.
create index sessions_newest_of_account on sessions (account_id, id desc);
drop index sessions_of_account;
