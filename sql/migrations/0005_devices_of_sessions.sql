-- Sessions know the browser that they live in and when its owner last proved anew who they are; and what a request reads
-- of whoever asks stands in one place.

-- SHA-256 of the id in the browser's own cookie: the id itself is the browser's.
alter table sessions add column device_hash bytea, add column proved_at timestamptz;

-- An account with its profile, as each request of its owner reads it.
create view viewers as
select a.id as account_id, a.email, a.email_verified_at, a.verified_at, a.created_at,
       a.password_hash is not null as has_password,
       exists (select from second_factors f where f.account_id = a.id and f.enabled_at is not null) as two_factor_enabled,
       greatest(a.updated_at, p.updated_at) as updated_at,
       p.handle, p.display_name, p.bio, p.avatar_key, p.avatar_mime, p.face_findings, p.privacy, p.status,
       p.campus_id, p.persona, p.onboarded_at, p.headline, p.primary_role, p.availability, p.timezone, p.location,
       p.primary_category, p.industry_role, p.company_name, p.contact_links, p.handle_changed_at
from accounts a
join profiles p on p.account_id = a.id;
