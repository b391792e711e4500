-- Identity complete: campuses, second factors, other people's sign-in, onboarding, search, outbox, audit.

create table campuses (
  id uuid primary key,
  name text not null,
  domain text not null,
  created_at timestamptz not null default now(),
  constraint campuses_domain_unique unique (domain),
  constraint campuses_domain_lower check (domain = lower(domain))
);

-- A proof whose `email` is set changes the account's address when it is used; the others prove the one it has.
alter table email_proofs add column email text;
create index email_proofs_by_email on email_proofs (email) where used_at is null and email is not null;

-- A link opens the account only while it still has the address that the link was mailed to.
create table password_resets (
  id uuid primary key,
  account_id uuid not null references accounts (id) on delete cascade,
  email text not null,
  token_hash bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  constraint password_resets_hash_unique unique (token_hash)
);
create unique index password_resets_one_open on password_resets (account_id) where used_at is null;
-- Whoever goes takes all of theirs along, the used ones too.
create index password_resets_of_account on password_resets (account_id);
create index email_proofs_of_account on email_proofs (account_id);

-- Time-based one-time passwords (RFC 6238). `last_step` only grows: a code is taken once.
create table second_factors (
  account_id uuid primary key references accounts (id) on delete cascade,
  secret_sealed bytea not null,
  last_step bigint not null default 0,
  created_at timestamptz not null default now(),
  enabled_at timestamptz
);

create table backup_codes (
  account_id uuid not null references second_factors (account_id) on delete cascade,
  code_hash bytea not null,
  used_at timestamptz,
  primary key (account_id, code_hash)
);

-- An account at a provider is (issuer, subject); addresses change hands, subjects do not (OpenID Connect Core, 5.7).
create table identities (
  issuer text not null,
  subject text not null,
  account_id uuid not null references accounts (id) on delete cascade,
  provider text not null,
  email text,
  email_verified boolean not null default false,
  username text,
  token_sealed bytea,
  linked_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  primary key (issuer, subject),
  constraint identities_one_per_provider unique (account_id, provider)
);

-- What an owner unlinked comes back by their own hand only, never because it bears the account's address.
create table unlinked_identities (
  issuer text not null,
  subject text not null,
  account_id uuid not null references accounts (id) on delete cascade,
  provider text not null,
  unlinked_at timestamptz not null,
  primary key (account_id, issuer, subject)
);

-- A session that lives by somebody else's token bears a name derived from it. When its account is deleted the name stays,
-- so that the token, good for an hour more, does not make the account anew. The name tells of nobody.
create table erased_bearer_sessions (
  id uuid primary key,
  erased_at timestamptz not null default now()
);
create function bearer_session_stays_ended() returns trigger language plpgsql as $$
begin
  insert into erased_bearer_sessions (id) values (old.id) on conflict do nothing;
  return null;
end
$$;
create trigger bearer_sessions_stay_ended after delete on sessions
  for each row when (old.method = 'firebase') execute function bearer_session_stays_ended();

alter table profiles
  add column campus_id uuid references campuses (id),
  add column persona text,
  add column onboarded_at timestamptz,
  add column builder_joined_at timestamptz,
  add column headline text not null default '',
  add column primary_role text,
  add column availability text,
  add column timezone text,
  add column location text not null default '',
  add column primary_category text not null default '',
  add column industry_role text not null default '',
  add column company_name text not null default '',
  add column contact_links jsonb not null default '{}',
  add column handle_changed_at timestamptz;
create index profiles_by_campus on profiles (campus_id) where campus_id is not null;

-- A handle that was given up stays out of other people's reach for a while, whether or not its account still lives.
create table handle_holds (
  handle text primary key,
  account_id uuid not null,
  held_until timestamptz not null
);

create table skills (
  id uuid primary key,
  name text not null,
  category text not null,
  constraint skills_name_unique unique (name)
);

create table profile_skills (
  account_id uuid not null references profiles (account_id) on delete cascade,
  skill_id uuid not null references skills (id) on delete cascade,
  primary key (account_id, skill_id)
);
create index profile_skills_by_skill on profile_skills (skill_id);

-- Written in the transaction of what it tells; delivered at least once.
create table outbox_events (
  id uuid primary key,
  event text not null,
  payload jsonb not null,
  created_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  attempts integer not null default 0,
  delivered_at timestamptz
);
create index outbox_events_due on outbox_events (due_at) where delivered_at is null;
create index outbox_events_by_account on outbox_events ((payload ->> 'accountId'));

-- Accounts that were deleted a moment ago: what lies outside the database is removed at once, and once more when nothing
-- that had begun before can still arrive. Then the row goes too.
create table erasures (
  account_id uuid primary key,
  erased_at timestamptz not null
);

-- Append-only. Rows leave with their account alone, in a transaction that says so: set local bonafide.erasing = '<id>'.
create table audit_events (
  id uuid primary key,
  account_id uuid not null,
  event text not null,
  at timestamptz not null,
  ip text not null default '',
  user_agent text not null default '',
  detail jsonb not null default '{}'
);
create index audit_events_by_account on audit_events (account_id, id desc);

create function audit_events_are_kept() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and current_setting('bonafide.erasing', true) = old.account_id::text then
    return old;
  end if;
  raise exception 'audit events are never changed';
end
$$;
create trigger audit_events_kept before update or delete on audit_events
  for each row execute function audit_events_are_kept();
create trigger audit_events_not_truncated before truncate on audit_events
  for each statement execute function audit_events_are_kept();

-- Lists and watches ask for ended sessions too.
create index sessions_of_account on sessions (account_id);
drop index sessions_by_account;
