-- What happened to an account's security.

-- name: audit_event_add!
insert into audit_events (id, account_id, event, at, ip, user_agent, detail)
values (:event_id, :account_id, :event, :now, :ip, :user_agent, :detail)

-- name: audit_events_of
select id, event, at, ip, user_agent, detail
from audit_events
where account_id = :account_id and id < coalesce(cast(:before as uuid), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
order by id desc
limit :amount
