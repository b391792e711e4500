-- The gallery of enrolled faces. Each statement sees one kind of template, facecore.template.KIND: the number stands in
-- the text because only then does the planner know that the index of that kind applies.

-- name: faces_are_few$
select count(*) <= :most from (select from face_templates where kind = 1 limit :most + 1) few

-- name: faces_nearest_of_all
-- The sum keeps the index out of it: every template is looked at.
select t.account_id, vector_send(t.descriptor) as descriptor
from face_templates t join accounts a on a.id = t.account_id
where t.kind = 1
order by (t.descriptor <-> cast(cast(:probe as real[]) as vector)) + 0
limit :most

-- name: faces_nearest_by_index
-- The function also says how far around the nearest the index looks (sql/migrations/0013).
select account_id, descriptor from faces_nearest(probe => :probe, most => :most, depth => :depth)

-- name: faces_hold!
-- The number reads "face".
select pg_advisory_xact_lock(1717658469)

-- name: faces_of
select id, account_id, vector_send(descriptor) as descriptor, taken_on, is_anchor, created_at
from face_templates
where account_id = :account_id and kind = 1
order by created_at, id

-- name: face_add!
insert into face_templates (id, account_id, descriptor, kind, taken_on, is_anchor, created_at)
values (:id, :account_id, cast(cast(:descriptor as real[]) as vector), 1, :taken_on, :is_anchor, :created_at)

-- name: face_drop!
delete from face_templates where id = :id

-- name: faces_forget$
with gone as (
  delete from face_templates where account_id = :account_id returning id
)
select count(*) from gone

-- name: faces_forget_unproved
-- Every face of an account was compared with one that it had before. So where one is older than the proof of the address,
-- all of them may be of somebody who signed up with it first.
delete from face_templates
where account_id = :account_id
  and (cast(:proved_at as timestamptz) is null
       or exists (select from face_templates o where o.account_id = :account_id and o.created_at < :proved_at))
returning id

-- name: faces_has_any$
select exists (select from face_templates where account_id = :account_id and kind = 1)

-- name: faces_counted^
select count(*) filter (where kind = 1) as templates,
  count(distinct account_id) filter (where kind = 1) as people,
  count(*) filter (where kind <> 1) as of_other_kinds
from face_templates

-- name: faces_sample
-- A fixed choice of people that says nothing about them: those whose ids hash lowest.
select account_id, taken_on, vector_send(descriptor) as descriptor
from face_templates
where kind = 1 and account_id in (
  select account_id from (select distinct account_id from face_templates where kind = 1) people
  order by md5(cast(account_id as text)) limit :most)
order by account_id, created_at, id

-- name: face_nearest_own$
select id from face_templates
where account_id = :account_id and kind = 1
order by descriptor <-> cast(cast(:probe as real[]) as vector)
limit 1

-- name: face_is_there$
select exists (select from face_templates where id = :id and account_id = :account_id and kind = 1)

-- name: faces_count_of$
select count(*) from face_templates where account_id = :account_id and kind = 1

-- name: face_owner^
-- Whoever came by face: how they are shown, and what more they can be asked for.
select account_id, handle, display_name, avatar_key, email, email_verified_at, two_factor_enabled
from viewers where account_id = :account_id

-- name: face_owner_name!
-- The name that somebody gives who has just come; one they have chosen meanwhile stays.
update profiles set display_name = :display_name, updated_at = :now
where account_id = :account_id and display_name = handle

-- name: sessions_ended_since$
select exists (select from sessions where account_id = :account_id and revoked_at > :since)

-- name: device_is_known$
-- A sign-in by face alone makes no browser known: otherwise a wrong match would let itself in for good. What its owner
-- had forgotten ("this was not me") is not known either.
select exists (
  select from sessions
  where account_id = :account_id and device_hash = :device_hash and created_at > :since
    and (method <> 'face' or device_proved)
) and exists (
  select from known_devices where account_id = :account_id and device_hash = any(cast(:accepted as bytea[]))
)
