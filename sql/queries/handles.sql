-- Which handles are out of an account's reach; Redis knows of those that are being taken right now.

-- name: handles_taken
select handle from profiles
where handle = any(cast(:handles as text[])) and account_id is distinct from cast(:account_id as uuid)
union
select handle from handle_holds
where handle = any(cast(:handles as text[])) and account_id is distinct from cast(:account_id as uuid)
  and held_until > :now
