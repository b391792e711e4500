-- The search of people and of skills.

-- name: search_words$
select folded(:text)

-- name: people_by_handle
select account_id, handle
from profiles
where listed and handle collate "C" >= :prefix and handle collate "C" < :prefix || '~' and handle collate "C" > :after
order by handle collate "C"
limit :amount

-- name: people_matching
-- First a look at the newest profiles: it fills the page for a word that many have, of whom the index would fetch
-- every one. Only when it does not, the index is asked: then few have the word.
with recent as materialized (
  select account_id
  from (
    select account_id, handle, search from profiles
    where listed and account_id < :before order by account_id desc limit :looked_at
  ) newest
  where search @@ cast(:wanted as tsquery) and not search @@ cast(:shown as tsquery)
    and not starts_with(handle, :shown_prefix)
  order by account_id desc
  limit :amount
), indexed as materialized (
  -- `is true` keeps the planner from reading the whole primary key beside the few that the other index finds.
  select account_id from profiles
  where listed and search @@ cast(:wanted as tsquery) and (account_id < :before) is true
    and not search @@ cast(:shown as tsquery) and not starts_with(handle, :shown_prefix)
    and (select count(*) from recent) < :amount
)
select account_id from (select account_id from recent union select account_id from indexed) found
order by account_id desc
limit :amount

-- name: skills_matching
-- Those that begin with the text before those that only hold it; all of them when no text is given.
select id, name, category
from skills
where cast(:text as text) is null
   or folded(:text) <> '' and folded like '%' || folded(:text) || '%'
order by starts_with(folded, folded(coalesce(:text, ''))) desc, name
limit :amount
