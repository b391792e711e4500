-- Passkeys: the public half of keys that live on people's devices.
-- Whoever adds, uses or removes one holds the account's row first.

-- name: passkey_user_add!
insert into passkey_users (account_id, user_handle) values (:account_id, :user_handle)
on conflict (account_id) do nothing

-- name: passkey_user_handle$
select user_handle from passkey_users where account_id = :account_id

-- name: passkeys_of_account
select id, name, credential_id, transports, backed_up, created_at, last_used_at
from passkeys where account_id = :account_id
order by created_at, id

-- name: passkey_by_credential^
select p.id, p.account_id, p.public_key, p.sign_count, p.backup_eligible, u.user_handle, a.email
from passkeys p
join passkey_users u on u.account_id = p.account_id
join accounts a on a.id = p.account_id
where p.credential_id = :credential_id

-- name: passkey_add!
insert into passkeys (id, account_id, credential_id, public_key, sign_count, transports, aaguid, backup_eligible,
                      backed_up, name, created_at)
values (:passkey_id, :account_id, :credential_id, :public_key, :sign_count, :transports, :aaguid, :backup_eligible,
        :backed_up, :name, :now)

-- name: passkey_use$
-- Null when it is gone, or when its counter did not grow: only a device that counts nothing may say 0 again.
update passkeys set sign_count = :sign_count, backed_up = :backed_up, last_used_at = :now
where id = :passkey_id and (sign_count < :sign_count or (sign_count = 0 and :sign_count = 0))
returning id

-- name: passkey_rename^
update passkeys set name = :name where id = :passkey_id and account_id = :account_id
returning id, name, credential_id, transports, backed_up, created_at, last_used_at

-- name: passkey_remove$
delete from passkeys where id = :passkey_id and account_id = :account_id
returning id

-- name: passkeys_remove_unproved
-- What was added before the address was proved may be the foothold of somebody who signed up with it first.
delete from passkeys
where account_id = :account_id and (cast(:proved_at as timestamptz) is null or created_at < :proved_at)
returning id

-- name: passkey_owner_email$
select email from accounts where id = :account_id
