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

-- name: faces_search_depth!
-- For this transaction. The strict order goes on searching where the nearest are rows that have just been deleted.
select set_config('hnsw.ef_search', :depth, true), set_config('hnsw.iterative_scan', 'strict_order', true)

-- name: faces_nearest_by_index
select near.account_id, vector_send(near.descriptor) as descriptor
from (
  select account_id, descriptor from face_templates
  where kind = 1
  order by descriptor <-> cast(cast(:probe as real[]) as vector)
  limit :most
) near join accounts a on a.id = near.account_id

-- name: faces_hold!
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

-- name: faces_has_any$
select exists (select from face_templates where account_id = :account_id and kind = 1)

-- name: faces_people$
select count(distinct account_id) from face_templates where kind = 1
