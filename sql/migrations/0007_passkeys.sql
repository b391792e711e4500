-- Passkeys (WebAuthn): the public half of keys that live on people's devices.

-- What a device keeps beside its key to tell accounts apart. Drawn at random, because a device shows it to whoever holds
-- it (WebAuthn Level 3, 14.6.1); it outlives the passkeys, so that a new one takes the place of an old on the same device.
create table passkey_users (
  account_id uuid primary key references accounts (id) on delete cascade,
  user_handle bytea not null,
  constraint passkey_users_handle_unique unique (user_handle),
  constraint passkey_users_handle_bytes check (octet_length(user_handle) between 32 and 64)
);

create table passkeys (
  id uuid primary key,
  account_id uuid not null references accounts (id) on delete cascade,
  credential_id bytea not null,
  public_key bytea not null,
  sign_count bigint not null,
  transports text[] not null default '{}',
  aaguid uuid not null,
  backup_eligible boolean not null,
  backed_up boolean not null,
  name text not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  constraint passkeys_credential_unique unique (credential_id),
  constraint passkeys_credential_bytes check (octet_length(credential_id) between 16 and 1023),
  constraint passkeys_public_key_bytes check (octet_length(public_key) <= 1024),
  constraint passkeys_name_chars check (char_length(name) between 1 and 60)
);
create index passkeys_by_account on passkeys (account_id);
