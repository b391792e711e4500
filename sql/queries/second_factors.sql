-- Second factors: the shared secret, what was used of it, and the backup codes.
-- Whoever switches a factor on or off, uses a code or opens a session holds the account's row first.

-- name: second_factor_begin$
-- A set-up that was not confirmed is replaced; one that was confirmed stays, and nothing comes back.
insert into second_factors (account_id, secret_sealed, created_at)
values (:account_id, :secret_sealed, :now)
on conflict (account_id) do update
  set secret_sealed = excluded.secret_sealed, last_step = 0, created_at = excluded.created_at
  where second_factors.enabled_at is null
returning account_id

-- name: second_factor_of^
select f.secret_sealed, f.created_at, f.enabled_at, a.email
from second_factors f
join accounts a on a.id = f.account_id
where f.account_id = :account_id

-- name: second_factor_enable!
update second_factors set enabled_at = :now, last_step = :step where account_id = :account_id

-- name: second_factor_use_step$
update second_factors set last_step = :step
where account_id = :account_id and last_step < :step
returning account_id

-- name: second_factor_remove!
delete from second_factors where account_id = :account_id

-- name: second_factor_fingerprint$
-- Changes with the password, its block and the factor; where there is none, with the address that stands in for it, and
-- when one is switched on. Null without an account.
select encode(sha256(convert_to(coalesce(a.password_hash, '') || coalesce(a.password_reset_required_at::text, ''), 'UTF8')
                     || coalesce(f.secret_sealed, convert_to(' ' || coalesce(a.email, ''), 'UTF8'))), 'hex')
from accounts a
left join second_factors f on f.account_id = a.id and f.enabled_at is not null
where a.id = :account_id

-- name: backup_codes_replace!
with dropped as (
  delete from backup_codes where account_id = :account_id
)
insert into backup_codes (account_id, code_hash)
select cast(:account_id as uuid), unnest(cast(:code_hashes as bytea[]))

-- name: backup_code_use$
update backup_codes set used_at = :now
where account_id = :account_id and code_hash = :code_hash and used_at is null
returning account_id

-- name: backup_codes_left$
select count(*) from backup_codes b
join second_factors f on f.account_id = b.account_id and f.enabled_at is not null
where b.account_id = :account_id and b.used_at is null
