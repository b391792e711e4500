-- Events for other systems.

-- name: outbox_event_add!
insert into outbox_events (id, event, payload, created_at, due_at) values (:event_id, :event, :payload, :now, :now)

-- name: outbox_events_take
-- The next try doubles its distance each time; `skip locked` lets several processes take side by side.
update outbox_events
set attempts = attempts + 1,
    due_at = cast(:now as timestamptz)
      + least(:first_retry_s * power(2, least(attempts, 20)), :longest_retry_s) * interval '1 second'
where id in (
  select id from outbox_events
  where delivered_at is null and due_at <= :now and created_at > :oldest
  order by due_at limit :batch
  for update skip locked
)
returning id, event, payload, created_at, attempts

-- name: outbox_event_delivered!
update outbox_events set delivered_at = :now where id = :event_id

-- name: outbox_events_forget!
delete from outbox_events where created_at < :oldest
