-- Profiles and their photo.

-- name: profile_photo_locked^
-- Held until the new photo, its template and the lost badge are written together.
select avatar_key from profiles where account_id = :account_id for update

-- name: profile_photo_replace!
update profiles
set avatar_key = :avatar_key, avatar_mime = :avatar_mime, face_findings = :face_findings, updated_at = :now
where account_id = :account_id

-- name: profile_locked^
-- Held until the change is written; a statement of its own, so that the change sees what it waited for.
select handle, handle_changed_at from profiles where account_id = :account_id for update

-- name: profile_patched^
-- What `changes` does not name stays as it is.
update profiles p
set display_name = n.display_name, bio = n.bio, headline = n.headline, location = n.location, timezone = n.timezone,
    availability = n.availability, primary_role = n.primary_role, primary_category = n.primary_category,
    industry_role = n.industry_role, company_name = n.company_name, contact_links = n.contact_links,
    handle = n.handle, handle_changed_at = n.handle_changed_at,
    status = p.status || cast(:status as jsonb), privacy = p.privacy || cast(:privacy as jsonb), updated_at = :now
from profiles o, jsonb_populate_record(o, cast(:changes as jsonb)) n
where p.account_id = :account_id and o.account_id = p.account_id
returning p.handle, p.handle_changed_at, p.display_name, p.bio, p.headline, p.location, p.timezone, p.availability,
          p.primary_role, p.primary_category, p.industry_role, p.company_name, p.contact_links, p.status, p.privacy,
          p.updated_at

-- name: handle_hold_is_own$
select exists (
  select from handle_holds where handle = :handle and account_id = :account_id and held_until > :now
)

-- name: handle_hold_move!
-- The handle taken is held for nobody any more, the one given up for who gave it up.
with taken as (
  delete from handle_holds where handle = :taken
)
insert into handle_holds (handle, account_id, held_until) values (:given_up, :account_id, :held_until)
on conflict (handle) do update set account_id = excluded.account_id, held_until = excluded.held_until

-- name: handle_standing^
select exists (select from profiles where handle = :handle) as is_taken,
       exists (
         select from handle_holds
         where handle = :handle and held_until > :now and account_id is distinct from cast(:account_id as uuid)
       ) as is_held

-- name: profile_skills_replace$
-- The profile's row is held. Gives back how many of the skills there are.
with gone as (
  delete from profile_skills where account_id = :account_id and skill_id <> all(cast(:skill_ids as uuid[]))
), come as (
  insert into profile_skills (account_id, skill_id)
  select cast(:account_id as uuid), id from skills where id = any(cast(:skill_ids as uuid[]))
  on conflict do nothing
)
update profiles
set skill_names = (
  select coalesce(string_agg(name, ' ' order by name), '') from skills where id = any(cast(:skill_ids as uuid[]))
)
where account_id = :account_id
returning (select count(*) from skills where id = any(cast(:skill_ids as uuid[])))

-- name: profile_skills_of
select s.id, s.name, s.category
from profile_skills p join skills s on s.id = p.skill_id
where p.account_id = :account_id
order by s.name

-- name: profile_id_shown$
-- To its owner always, to others only when it shows itself to everyone.
select account_id from profiles
where handle = :handle
  and (account_id = cast(:viewer_id as uuid) or privacy ->> 'visibility' = 'everyone')

-- name: profiles_shown
-- A campus vouches for nobody whose address was never proved: anybody can make one up.
select p.account_id, p.handle, p.display_name, p.bio, p.headline, p.location, p.timezone, p.availability, p.persona,
       p.primary_role, p.primary_category, p.industry_role, p.company_name, p.avatar_key, p.verified_at, p.status,
       p.contact_links, c.id as campus_id, c.name as campus_name, c.domain as campus_domain,
       p.privacy -> 'ghost_mode' = 'true' as is_ghost,
       (
         select coalesce(jsonb_agg(jsonb_build_array(s.id, s.name, s.category) order by s.name), '[]')
         from profile_skills ps join skills s on s.id = ps.skill_id
         where ps.account_id = p.account_id
       ) as skills
from profiles p
join accounts a on a.id = p.account_id
left join campuses c on c.id = p.campus_id and a.email_verified_at is not null
where p.account_id = any(cast(:account_ids as uuid[]))

-- name: profile_onboard^
-- The profile's row is held, so `o` is what it was.
update profiles p
set persona = :persona, campus_id = coalesce(cast(:campus_id as uuid), p.campus_id),
    availability = coalesce(p.availability, cast(:availability as text)),
    onboarded_at = coalesce(p.onboarded_at, :now),
    builder_joined_at = case when :persona = 'BUILDER' then coalesce(p.builder_joined_at, :now)
                             else p.builder_joined_at end
from profiles o
where p.account_id = :account_id and o.account_id = p.account_id
returning p.persona, p.campus_id, p.availability, p.onboarded_at,
          p.builder_joined_at is not null and o.builder_joined_at is null as joins_builders
