-- name: photo_template_of^
select account_id, avatar_key, template_sealed from photo_templates where account_id = :account_id

-- name: replace_photo_template!
insert into photo_templates (account_id, avatar_key, template_sealed)
values (:account_id, :avatar_key, :template_sealed)
on conflict (account_id) do update
set avatar_key = excluded.avatar_key,
    template_sealed = excluded.template_sealed,
    created_at = now()

-- name: drop_photo_template!
delete from photo_templates where account_id = :account_id

-- name: lock_verified_photo$
-- The photo that was compared must still be the profile photo, and the session that asked must still live.
select p.avatar_key
from profiles p
join sessions s on s.account_id = p.account_id
where p.account_id = :account_id
  and p.avatar_key = :avatar_key
  and s.id = :session_id
  and s.revoked_at is null
  and s.expires_at > :now
for update of p

-- name: account_is_verified$
select verified_at is not null from accounts where id = :account_id

-- name: set_account_verified!
update accounts set verified_at = :verified_at, updated_at = now() where id = :account_id

-- name: set_profile_verified!
update profiles set verified_at = :verified_at, updated_at = now() where account_id = :account_id

-- name: session_lives$
select true from sessions where id = :session_id and revoked_at is null and expires_at > :now
