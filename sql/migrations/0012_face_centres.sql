-- The index of the gallery holds one point for each person instead of each template: the middle of their templates. A new
-- picture lies nearer to the middle of several than to most of them, and a third of the points is walked through in less
-- than half of the time (tests/bench/gallery.py). What the index finds is compared with every template of those people.

create table face_centres (
  account_id uuid not null references accounts (id) on delete cascade,
  kind smallint not null,
  centre vector(128) not null,
  primary key (account_id, kind)
);

-- Whoever writes templates, a deletion of their account too, moves the middle in the same statement: it can say nothing
-- of a template that is gone.
create function face_centres_follow() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    delete from face_centres c using old_rows o where c.account_id = o.account_id and c.kind = o.kind;
    insert into face_centres (account_id, kind, centre)
    select account_id, kind, avg(descriptor) from face_templates
    where (account_id, kind) in (select account_id, kind from old_rows)
    group by account_id, kind;
  end if;
  if tg_op <> 'DELETE' then
    insert into face_centres (account_id, kind, centre)
    select account_id, kind, avg(descriptor) from face_templates
    where (account_id, kind) in (select account_id, kind from new_rows)
    group by account_id, kind
    on conflict (account_id, kind) do update set centre = excluded.centre;
  end if;
  return null;
end $$;

create trigger face_centres_follow_insert after insert on face_templates
referencing new table as new_rows for each statement execute function face_centres_follow();
create trigger face_centres_follow_update after update on face_templates
referencing old table as old_rows new table as new_rows for each statement execute function face_centres_follow();
create trigger face_centres_follow_delete after delete on face_templates
referencing old table as old_rows for each statement execute function face_centres_follow();

insert into face_centres (account_id, kind, centre)
select account_id, kind, avg(descriptor) from face_templates group by account_id, kind;

-- Of one kind and of half precision, as the index before it.
create index face_centres_nearest on face_centres
using hnsw ((cast(centre as halfvec(128))) halfvec_l2_ops) with (m = 32, ef_construction = 128)
where kind = 1;
drop index face_templates_nearest;

-- The templates of whom the index found.
create index face_templates_of_account on face_templates (account_id, kind);
