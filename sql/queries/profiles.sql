-- Profiles and their photo.

-- name: profile_photo_locked^
-- Held until the new photo, its template and the lost badge are written together.
select avatar_key from profiles where account_id = :account_id for update

-- name: profile_photo_replace!
update profiles
set avatar_key = :avatar_key, avatar_mime = :avatar_mime, face_findings = :face_findings, updated_at = :now
where account_id = :account_id
