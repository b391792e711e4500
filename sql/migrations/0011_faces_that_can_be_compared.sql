-- Templates of another kind than this release compares (facecore.template.KIND) open nothing and confirm nothing: whoever
-- has only such is not told to look into the camera.

create or replace view viewers as
select a.id as account_id, a.email, a.email_verified_at, a.verified_at, a.created_at,
       a.password_hash is not null as has_password,
       exists (select from second_factors f where f.account_id = a.id and f.enabled_at is not null) as two_factor_enabled,
       greatest(a.updated_at, p.updated_at) as updated_at,
       p.handle, p.display_name, p.bio, p.avatar_key, p.avatar_mime, p.face_findings, p.privacy, p.status,
       p.campus_id, p.persona, p.onboarded_at, p.headline, p.primary_role, p.availability, p.timezone, p.location,
       p.primary_category, p.industry_role, p.company_name, p.contact_links, p.handle_changed_at,
       exists (select from passkeys k where k.account_id = a.id) as has_passkeys,
       exists (select from face_templates t where t.account_id = a.id and t.kind = 1) as has_faces
from accounts a
join profiles p on p.account_id = a.id;
