-- What is held about a person: all of it given out, and all of it removed.

-- name: account_export$
-- One statement, so one moment. Secrets and face templates are told of, never told.
select jsonb_build_object(
  'account', (
    select jsonb_build_object(
      'id', a.id, 'email', a.email, 'emailProvedAt', a.email_verified_at, 'hasPassword', a.password_hash is not null,
      'verifiedAt', a.verified_at, 'createdAt', a.created_at, 'updatedAt', a.updated_at)
    from accounts a where a.id = :account_id),
  'profile', (
    select to_jsonb(p) - 'account_id' - 'search' - 'listed' - 'skill_names' || jsonb_build_object(
      'campus', (select to_jsonb(c) - 'id' from campuses c where c.id = p.campus_id),
      'skills', (
        select coalesce(jsonb_agg(s.name order by s.name), '[]')
        from profile_skills ps join skills s on s.id = ps.skill_id where ps.account_id = p.account_id))
    from profiles p where p.account_id = :account_id),
  'formerHandles', (
    select coalesce(jsonb_agg(jsonb_build_object('handle', handle, 'heldUntil', held_until)), '[]')
    from handle_holds where account_id = :account_id),
  'faceTemplate', (
    select jsonb_build_object('madeAt', created_at, 'ofPhoto', avatar_key)
    from photo_templates where account_id = :account_id),
  'enrolledFaces', (
    select coalesce(jsonb_agg(jsonb_build_object('takenOn', taken_on, 'enrolledAt', created_at) order by id), '[]')
    from face_templates where account_id = :account_id),
  'secondFactor', (
    select jsonb_build_object('enabledAt', enabled_at, 'backupCodesLeft', (
      select count(*) from backup_codes b where b.account_id = f.account_id and b.used_at is null))
    from second_factors f where account_id = :account_id),
  'passkeys', (
    select coalesce(jsonb_agg(jsonb_build_object(
      'name', name, 'addedAt', created_at, 'lastUsedAt', last_used_at) order by created_at), '[]')
    from passkeys where account_id = :account_id),
  'identities', (
    select coalesce(jsonb_agg(to_jsonb(i) - 'account_id' - 'token_sealed' || jsonb_build_object(
      'holds_token', token_sealed is not null)), '[]')
    from identities i where account_id = :account_id),
  'unlinkedIdentities', (
    select coalesce(jsonb_agg(to_jsonb(u) - 'account_id'), '[]')
    from unlinked_identities u where account_id = :account_id),
  'sessions', (
    select coalesce(jsonb_agg(to_jsonb(s) - 'account_id' order by s.id desc), '[]')
    from sessions s where account_id = :account_id),
  'knownDevices', (
    select coalesce(jsonb_agg(to_jsonb(k) - 'account_id' - 'device_hash' order by k.first_seen_at), '[]')
    from known_devices k where account_id = :account_id),
  'knownCountries', (
    select coalesce(jsonb_agg(to_jsonb(k) - 'account_id' order by k.first_seen_at), '[]')
    from known_countries k where account_id = :account_id),
  'notMeLinks', (
    select coalesce(jsonb_agg(to_jsonb(n) - 'account_id' - 'token_hash' order by n.id desc), '[]')
    from not_me_links n where account_id = :account_id),
  'emailProofs', (
    select coalesce(jsonb_agg(to_jsonb(e) - 'account_id' - 'token_hash' order by e.id desc), '[]')
    from email_proofs e where account_id = :account_id),
  'passwordResets', (
    select coalesce(jsonb_agg(to_jsonb(r) - 'account_id' - 'token_hash' order by r.id desc), '[]')
    from password_resets r where account_id = :account_id),
  'eventsForOtherSystems', (
    select coalesce(jsonb_agg(to_jsonb(o) order by o.id desc), '[]')
    from outbox_events o where payload ->> 'accountId' = cast(:account_id as text)),
  'auditEvents', (
    select coalesce(jsonb_agg(to_jsonb(newest) - 'account_id' order by newest.id desc), '[]')
    from (select * from audit_events where account_id = :account_id order by id desc limit :most_events) newest),
  'auditEventsInAll', (select count(*) from audit_events where account_id = :account_id)
)

-- name: profile_lock$
select handle from profiles where account_id = :account_id for update

-- name: handle_hold_for_nobody!
insert into handle_holds (handle, account_id, held_until) values (:handle, :account_id, :held_until)
on conflict (handle) do update set account_id = excluded.account_id, held_until = excluded.held_until

-- name: handle_holds_forget!
delete from handle_holds where held_until <= :now

-- name: mailed_links_forget!
with resets as (
  delete from password_resets where expires_at <= :now
)
delete from email_proofs where expires_at <= :now

-- name: audit_events_open$
-- Lets this transaction, and no other, remove the events of this account.
select set_config('bonafide.erasing', cast(cast(:account_id as uuid) as text), true)

-- name: audit_events_erase!
delete from audit_events where account_id = :account_id and event <> 'ACCOUNT_DELETED'

-- name: outbox_events_erase!
delete from outbox_events where payload ->> 'accountId' = cast(cast(:account_id as uuid) as text)

-- name: account_delete!
delete from accounts where id = :account_id

-- name: erasure_add!
insert into erasures (account_id, erased_at) values (:account_id, :now)

-- name: erasures_due
select account_id from erasures where erased_at <= :before order by erased_at

-- name: erasure_done!
delete from erasures where account_id = :account_id
