-- Accounts, their sessions, their profile and the face template that the Verified badge is earned against.

create table accounts (
  id uuid primary key,
  email text,
  email_verified_at timestamptz,
  password_hash text,
  verified_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint accounts_email_unique unique (email),
  constraint accounts_email_lower check (email = lower(email))
);

create table profiles (
  account_id uuid primary key references accounts (id) on delete cascade,
  handle text not null,
  display_name text not null default '',
  bio text not null default '',
  avatar_key text,
  avatar_mime text,
  face_findings jsonb not null default '[]',
  -- Repeated from accounts, so that lists of profiles need no join (source A).
  verified_at timestamptz,
  privacy jsonb not null default '{"visibility": "everyone", "ghost_mode": false}',
  status jsonb not null default '{"text": "", "emoji": ""}',
  updated_at timestamptz not null default now(),
  constraint profiles_handle_unique unique (handle)
);

create table sessions (
  id uuid primary key,
  account_id uuid not null references accounts (id) on delete cascade,
  method text not null,
  user_agent text not null default '',
  ip text not null default '',
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz
);
create index sessions_by_account on sessions (account_id) where revoked_at is null;

create table refresh_tokens (
  id uuid primary key,
  session_id uuid not null references sessions (id) on delete cascade,
  token_hash bytea not null,
  parent_id uuid references refresh_tokens (id) on delete cascade,
  -- The successor is derived from the token, this salt and a server key, so that every caller of a race gets the same.
  salt bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  constraint refresh_tokens_hash_unique unique (token_hash),
  constraint refresh_tokens_one_successor unique (parent_id)
);
create index refresh_tokens_by_session on refresh_tokens (session_id);
create index refresh_tokens_by_expiry on refresh_tokens (expires_at);

create table email_proofs (
  id uuid primary key,
  account_id uuid not null references accounts (id) on delete cascade,
  token_hash bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  constraint email_proofs_hash_unique unique (token_hash)
);
create unique index email_proofs_one_open on email_proofs (account_id) where used_at is null;

-- The template of the profile photo, sealed with ENCRYPTION_KEYS; it goes with the photo and with the account.
create table photo_templates (
  account_id uuid primary key references accounts (id) on delete cascade,
  avatar_key text not null,
  template_sealed bytea not null,
  created_at timestamptz not null default now()
);
