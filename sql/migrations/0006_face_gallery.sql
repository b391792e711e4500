-- The gallery of faces that people enrolled to sign in with.

create extension if not exists vector;

-- Up to five templates of a person, of different days. They lie here unsealed only because the index must compare them:
-- sealed numbers have no distance. So this table is why the database itself must be guarded, and why enrolling is opt-in.
-- NaN and infinity are refused by the type, another length by its dimension.
create table face_templates (
  id uuid primary key,
  account_id uuid not null references accounts (id) on delete cascade,
  descriptor vector(128) not null,
  -- Which network and alignment made it (facecore.template.KIND). Distances between kinds mean nothing.
  kind smallint not null,
  taken_on date not null,
  -- The first one of its person: it is never replaced, and every later one must match it.
  is_anchor boolean not null,
  created_at timestamptz not null
);
create unique index face_templates_one_anchor on face_templates (account_id, kind) where is_anchor;
create unique index face_templates_one_a_day on face_templates (account_id, kind, taken_on) where not is_anchor;

-- Of one kind only: a release with another network brings an index of its own, and the old templates are not in its way.
-- Of half precision: it finds the same people in a third less memory; what it finds is compared exactly afterwards.
create index face_templates_nearest on face_templates
using hnsw ((cast(descriptor as halfvec(128))) halfvec_l2_ops) with (m = 32, ef_construction = 128)
where kind = 1;
