-- What happened to an account's security.

-- name: audit_event_add!
insert into audit_events (id, account_id, event, at, ip, user_agent, detail)
values (:event_id, :account_id, :event, :now, :ip, :user_agent, :detail)
