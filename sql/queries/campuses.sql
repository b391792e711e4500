-- Campuses, and who registers at one.

-- name: campuses_all
select id, name, domain from campuses order by name, domain

-- name: campus_by_id^
select id, name, domain from campuses where id = :campus_id

-- name: campus_kept$
-- Held against removal until the account that will belong to it is written.
select id from campuses where id = :campus_id for key share

-- name: campus_add!
insert into campuses (id, name, domain, created_at) values (:campus_id, :name, :domain, :now)

-- name: campus_locked^
select id, name, domain from campuses where domain = :domain for update

-- name: campus_accounts$
select count(*) from profiles where campus_id = :campus_id

-- name: campus_remove!
delete from campuses where id = :campus_id

-- name: registered_at^
select id as account_id, email_verified_at, password_hash from accounts where email = :email for no key update
