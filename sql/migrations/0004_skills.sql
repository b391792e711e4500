-- Skills, the search of people, and the keeping of handles that were given up.

-- Lower case without accents, words apart by one blank: "Zoë-Ann O’Neil" is "zoe ann o neil". The collation is named,
-- so that every server folds alike, whatever its locale.
create function folded(source text) returns text immutable strict parallel safe language sql
  return btrim(regexp_replace(
    regexp_replace(normalize(casefold(source collate pg_unicode_fast), nfkd), '[\u0300-\u036f]+', '', 'g'),
    '[^[:alnum:]]+' collate pg_unicode_fast, ' ', 'g'));

-- A GIN index keeps no weights: it would hand over every bio with the word `engineer` to find the few people of that
-- name. So a lexeme begins with the letter of its field: `nada` is `ada` in a name.
create function lexemes(field text, source text) returns text[] immutable strict parallel safe language sql
  return (select coalesce(array_agg(field || left(word, 40)), '{}')
          from string_to_table(folded(source), ' ') word where word <> '');

alter table profiles
  -- Repeated from profile_skills, so that the search needs no join.
  add column skill_names text not null default '',
  -- Who can be found by strangers.
  add column listed boolean not null
    generated always as (privacy @> '{"visibility": "everyone", "ghost_mode": false}') stored,
  -- n: handle and name. w: headline and skills. a: any of these, and the bio.
  add column search tsvector not null generated always as (array_to_tsvector(
    lexemes('n', handle || ' ' || display_name)
    || lexemes('w', headline || ' ' || skill_names)
    || lexemes('a', handle || ' ' || display_name || ' ' || headline || ' ' || skill_names || ' ' || bio)
  )) stored;
-- Every search reads the list of entries still to be sorted in, so it is kept short.
create index profiles_by_search on profiles using gin (search) with (gin_pending_list_limit = 256) where listed;
create index profiles_listed on profiles (account_id) where listed;
create index profiles_by_handle_prefix on profiles (handle collate "C") where listed;

-- Whoever writes a handle meets its hold here, after the row itself: a hold that was written while the writer waited
-- for the unique index is seen. To the writer a held handle is a taken one.
create function held_handles_are_kept() returns trigger language plpgsql as $$
begin
  if exists (
    select from handle_holds
    where handle = new.handle and account_id <> new.account_id and held_until > new.updated_at
  ) then
    raise unique_violation using
      constraint = 'profiles_handle_unique', message = 'the handle is held for its former owner';
  end if;
  return null;
end
$$;
create trigger profiles_handle_held after insert or update of handle on profiles
  for each row execute function held_handles_are_kept();

alter table skills add column folded text not null generated always as (folded(name)) stored;

insert into skills (id, name, category) values
  ('019aa3b5-ec00-73c6-869a-45b14da4f9fc', 'Python', 'Programming languages'),
  ('019aa3b5-ec00-7b8a-9ea5-f190656412a9', 'JavaScript', 'Programming languages'),
  ('019aa3b5-ec00-727a-8441-c88c1710cf53', 'TypeScript', 'Programming languages'),
  ('019aa3b5-ec00-7051-a329-665966ceab36', 'Java', 'Programming languages'),
  ('019aa3b5-ec00-7eaf-b33a-9c7f4a14876a', 'C', 'Programming languages'),
  ('019aa3b5-ec00-7fd7-83c4-2671c3e1b258', 'C++', 'Programming languages'),
  ('019aa3b5-ec00-738d-a258-f71b8534f457', 'C#', 'Programming languages'),
  ('019aa3b5-ec00-75c3-b1e7-59e446d4ac7a', 'Go', 'Programming languages'),
  ('019aa3b5-ec00-72c3-86cb-b503d3addccb', 'Rust', 'Programming languages'),
  ('019aa3b5-ec00-7430-bc59-723336e2f24b', 'Kotlin', 'Programming languages'),
  ('019aa3b5-ec00-7ed6-b50d-06ab06905269', 'Swift', 'Programming languages'),
  ('019aa3b5-ec00-7a40-90a8-0100ce80c4b0', 'PHP', 'Programming languages'),
  ('019aa3b5-ec00-7cce-8c61-3fc9459142de', 'Ruby', 'Programming languages'),
  ('019aa3b5-ec00-72a3-9289-79194f5253a0', 'Scala', 'Programming languages'),
  ('019aa3b5-ec00-7a08-aed7-5ce1de08caa1', 'R', 'Programming languages'),
  ('019aa3b5-ec00-7f5f-b64e-4db8daca3c06', 'SQL', 'Programming languages'),
  ('019aa3b5-ec00-7e14-858c-cab25f552773', 'Bash', 'Programming languages'),
  ('019aa3b5-ec00-7d84-9598-00899b191bf4', 'Elixir', 'Programming languages'),
  ('019aa3b5-ec00-7abf-a061-8bf2634f806f', 'Haskell', 'Programming languages'),
  ('019aa3b5-ec00-73fb-8fd4-20922d83a823', 'Dart', 'Programming languages'),
  ('019aa3b5-ec00-7793-85b7-d92147adec26', 'HTML', 'Web'),
  ('019aa3b5-ec00-7f1c-b458-3174ef412ed6', 'CSS', 'Web'),
  ('019aa3b5-ec00-7dd9-a30c-83e2f1347e0c', 'React', 'Web'),
  ('019aa3b5-ec00-7d72-8076-26804cdce7a6', 'Vue', 'Web'),
  ('019aa3b5-ec00-7e8a-a4a1-a85d4abcb06a', 'Angular', 'Web'),
  ('019aa3b5-ec00-7b47-93f3-e960e1df8af9', 'Svelte', 'Web'),
  ('019aa3b5-ec00-7d91-a089-2c48c3e4a892', 'Next.js', 'Web'),
  ('019aa3b5-ec00-731f-9b1e-68f769f85e31', 'Node.js', 'Web'),
  ('019aa3b5-ec00-7995-9b96-357249c7b59b', 'Django', 'Web'),
  ('019aa3b5-ec00-7738-8eed-295c294c4ea3', 'Ruby on Rails', 'Web'),
  ('019aa3b5-ec00-74e1-b401-83314278c261', 'Spring', 'Web'),
  ('019aa3b5-ec00-7cc2-8530-57240b11ad28', 'GraphQL', 'Web'),
  ('019aa3b5-ec00-70bd-a816-216b7671863c', 'REST APIs', 'Web'),
  ('019aa3b5-ec00-7ff5-a135-334747ca7883', 'WebAssembly', 'Web'),
  ('019aa3b5-ec00-788d-9e28-cc28a5e333cb', 'Web accessibility', 'Web'),
  ('019aa3b5-ec00-7b36-8948-b54e57c49391', 'Tailwind CSS', 'Web'),
  ('019aa3b5-ec00-7ff4-8c84-46b0ac7cc4a4', 'Android', 'Mobile and games'),
  ('019aa3b5-ec00-7110-ba77-4e2e69ace913', 'iOS', 'Mobile and games'),
  ('019aa3b5-ec00-733e-a87d-9541a2909cb6', 'Flutter', 'Mobile and games'),
  ('019aa3b5-ec00-770e-8bc1-ccf246bbe9e8', 'React Native', 'Mobile and games'),
  ('019aa3b5-ec00-75b1-afcd-e8af6f98bca3', 'Unity', 'Mobile and games'),
  ('019aa3b5-ec00-796b-a89a-897252175b7a', 'Unreal Engine', 'Mobile and games'),
  ('019aa3b5-ec00-78ef-b9e0-4c7032decd6b', 'Godot', 'Mobile and games'),
  ('019aa3b5-ec00-752d-b5b9-294519d9c9cc', 'Game design', 'Mobile and games'),
  ('019aa3b5-ec00-70fc-8ea5-cc00b54a2302', 'Augmented reality', 'Mobile and games'),
  ('019aa3b5-ec00-7470-a542-c5bfc3e1ac3b', 'Virtual reality', 'Mobile and games'),
  ('019aa3b5-ec00-79d8-8f31-d7cfdcb285f8', 'Data analysis', 'Data and machine learning'),
  ('019aa3b5-ec00-71f4-bbd0-2bcb54c0ce68', 'Data engineering', 'Data and machine learning'),
  ('019aa3b5-ec00-72d7-9d60-90374a7a0305', 'Data visualisation', 'Data and machine learning'),
  ('019aa3b5-ec00-7069-96da-77080af5ac87', 'Machine learning', 'Data and machine learning'),
  ('019aa3b5-ec00-7b28-b956-e1771525f363', 'Deep learning', 'Data and machine learning'),
  ('019aa3b5-ec00-7f6e-9248-ae73f469aef8', 'Natural language processing', 'Data and machine learning'),
  ('019aa3b5-ec00-7bc2-bd6e-787dacdac615', 'Computer vision', 'Data and machine learning'),
  ('019aa3b5-ec00-753b-94a8-ec6004a7f007', 'Recommender systems', 'Data and machine learning'),
  ('019aa3b5-ec00-749f-bdd3-0e0552595daf', 'Statistics', 'Data and machine learning'),
  ('019aa3b5-ec00-7272-a9b9-1994c676176a', 'PyTorch', 'Data and machine learning'),
  ('019aa3b5-ec00-7691-bc5f-2a0bdc82f252', 'TensorFlow', 'Data and machine learning'),
  ('019aa3b5-ec00-7de9-ab85-d6129ed9c621', 'Pandas', 'Data and machine learning'),
  ('019aa3b5-ec00-7d16-92c7-3bce13e7d611', 'Apache Spark', 'Data and machine learning'),
  ('019aa3b5-ec00-79e2-b938-aabf31009624', 'dbt', 'Data and machine learning'),
  ('019aa3b5-ec00-771b-88bb-64e14ac034cf', 'Tableau', 'Data and machine learning'),
  ('019aa3b5-ec00-7400-a652-e5c561b2ceba', 'Power BI', 'Data and machine learning'),
  ('019aa3b5-ec00-7f63-9534-233928adf9c6', 'Prompt engineering', 'Data and machine learning'),
  ('019aa3b5-ec00-792b-9740-b6d00267ce8c', 'Reinforcement learning', 'Data and machine learning'),
  ('019aa3b5-ec00-70b7-8ada-2fbb746ccfcd', 'Linux', 'Infrastructure and security'),
  ('019aa3b5-ec00-75d7-b37a-748cc8a38e7b', 'Docker', 'Infrastructure and security'),
  ('019aa3b5-ec00-75cd-9294-d60eff478895', 'Kubernetes', 'Infrastructure and security'),
  ('019aa3b5-ec00-7924-9c1d-ee0718dbb0c1', 'Terraform', 'Infrastructure and security'),
  ('019aa3b5-ec00-7fb5-9b22-09bb350d775d', 'Ansible', 'Infrastructure and security'),
  ('019aa3b5-ec00-7eaa-8745-856b353a09cf', 'AWS', 'Infrastructure and security'),
  ('019aa3b5-ec00-70f3-8389-8dcc0fecf10e', 'Google Cloud', 'Infrastructure and security'),
  ('019aa3b5-ec00-7bcb-a61d-3e202b2df98d', 'Microsoft Azure', 'Infrastructure and security'),
  ('019aa3b5-ec00-7ad4-8993-b5e1f87a7976', 'CI/CD', 'Infrastructure and security'),
  ('019aa3b5-ec00-79b4-a2f5-6edc0a77ec0c', 'Observability', 'Infrastructure and security'),
  ('019aa3b5-ec00-77d9-8ff0-93b0952989c1', 'Networking', 'Infrastructure and security'),
  ('019aa3b5-ec00-7524-8246-d7feff651b90', 'PostgreSQL', 'Infrastructure and security'),
  ('019aa3b5-ec00-71f4-a1df-181bd5b8c255', 'MySQL', 'Infrastructure and security'),
  ('019aa3b5-ec00-74af-bfcd-4dcac6173d94', 'MongoDB', 'Infrastructure and security'),
  ('019aa3b5-ec00-768c-bf35-c750a6d00e34', 'Redis', 'Infrastructure and security'),
  ('019aa3b5-ec00-7334-8ce9-d8387a4e9ba3', 'Apache Kafka', 'Infrastructure and security'),
  ('019aa3b5-ec00-73de-9a47-a38e70562073', 'Site reliability engineering', 'Infrastructure and security'),
  ('019aa3b5-ec00-77de-8e05-1a8b0970425b', 'Penetration testing', 'Infrastructure and security'),
  ('019aa3b5-ec00-76bd-8fe8-d52671895aa3', 'Application security', 'Infrastructure and security'),
  ('019aa3b5-ec00-7a5b-9b61-ae23e3a9312c', 'Cryptography', 'Infrastructure and security'),
  ('019aa3b5-ec00-7d4b-9fe8-baef37396957', 'Identity and access management', 'Infrastructure and security'),
  ('019aa3b5-ec00-7300-825b-076e081a3cfe', 'UI design', 'Design'),
  ('019aa3b5-ec00-7411-8f83-4dad40ddfed8', 'UX design', 'Design'),
  ('019aa3b5-ec00-7869-b16d-9e663543c7a6', 'UX research', 'Design'),
  ('019aa3b5-ec00-73b4-b7a9-521a6ac9573d', 'Interaction design', 'Design'),
  ('019aa3b5-ec00-742f-94cd-07d624469138', 'Graphic design', 'Design'),
  ('019aa3b5-ec00-70d2-bb64-e544e41a3f3d', 'Brand design', 'Design'),
  ('019aa3b5-ec00-7508-877a-919c90ba65d0', 'Typography', 'Design'),
  ('019aa3b5-ec00-7fd9-99ca-216091d8731e', 'Illustration', 'Design'),
  ('019aa3b5-ec00-7f67-a9ca-3803e6a4ccec', 'Motion design', 'Design'),
  ('019aa3b5-ec00-7a76-b29d-69b0def32dae', '3D modelling', 'Design'),
  ('019aa3b5-ec00-7b7a-8297-9afabea661c3', 'Figma', 'Design'),
  ('019aa3b5-ec00-77e8-85f2-36ff63316907', 'Adobe Photoshop', 'Design'),
  ('019aa3b5-ec00-76e1-bb83-ef7f35fef00d', 'Adobe Illustrator', 'Design'),
  ('019aa3b5-ec00-7dfb-b995-b2b8928291e0', 'Blender', 'Design'),
  ('019aa3b5-ec00-7f1b-8a96-d2faecb11a5a', 'Design systems', 'Design'),
  ('019aa3b5-ec00-7562-aa0a-cc0b4bd411e6', 'Prototyping', 'Design'),
  ('019aa3b5-ec00-778a-b9a5-0737ccac5657', 'Service design', 'Design'),
  ('019aa3b5-ec00-7a47-b426-1ca950a64652', 'Product management', 'Product and leadership'),
  ('019aa3b5-ec00-76b8-8dc6-759a872c92ea', 'Product strategy', 'Product and leadership'),
  ('019aa3b5-ec00-7a79-abe6-c421cd285f3b', 'Roadmapping', 'Product and leadership'),
  ('019aa3b5-ec00-7cd1-95aa-7c4d44af3f13', 'User interviews', 'Product and leadership'),
  ('019aa3b5-ec00-7ec3-bd33-ad17646607a4', 'A/B testing', 'Product and leadership'),
  ('019aa3b5-ec00-77f1-b6f3-7555130a9adb', 'Agile', 'Product and leadership'),
  ('019aa3b5-ec00-7f89-bd8d-b3c047b3626c', 'Scrum', 'Product and leadership'),
  ('019aa3b5-ec00-7a0b-8c3d-9063ab191be1', 'Project management', 'Product and leadership'),
  ('019aa3b5-ec00-70b6-b988-b84a6511993d', 'Team leadership', 'Product and leadership'),
  ('019aa3b5-ec00-79e9-b113-955020ac8ad8', 'Hiring', 'Product and leadership'),
  ('019aa3b5-ec00-7f7f-aab3-3d5744fa1f36', 'Mentoring', 'Product and leadership'),
  ('019aa3b5-ec00-7db3-b7af-63a60f7bd234', 'Public speaking', 'Product and leadership'),
  ('019aa3b5-ec00-72ad-a8a6-f311b0171de1', 'Community management', 'Product and leadership'),
  ('019aa3b5-ec00-776e-9e38-402a91b77af5', 'Facilitation', 'Product and leadership'),
  ('019aa3b5-ec00-7bf1-bb5b-d90b675a9879', 'Content marketing', 'Marketing and growth'),
  ('019aa3b5-ec00-763f-b312-a62137f2555b', 'Copywriting', 'Marketing and growth'),
  ('019aa3b5-ec00-700d-bb07-fa9f3610e451', 'Search engine optimisation', 'Marketing and growth'),
  ('019aa3b5-ec00-7282-a70a-6332035b31e4', 'Paid advertising', 'Marketing and growth'),
  ('019aa3b5-ec00-7e05-876a-bdc041e0f8f2', 'Email marketing', 'Marketing and growth'),
  ('019aa3b5-ec00-7655-b143-e6c3cf53cb25', 'Social media', 'Marketing and growth'),
  ('019aa3b5-ec00-7c87-b82f-26a8618ec2d9', 'Growth experiments', 'Marketing and growth'),
  ('019aa3b5-ec00-738e-836a-eb348cf4ac18', 'Marketing analytics', 'Marketing and growth'),
  ('019aa3b5-ec00-7e0f-8ce8-26fef37207e3', 'Public relations', 'Marketing and growth'),
  ('019aa3b5-ec00-7297-a6ee-0693abe63b14', 'Events', 'Marketing and growth'),
  ('019aa3b5-ec00-754a-b912-6eb0d184933d', 'Partnerships', 'Marketing and growth'),
  ('019aa3b5-ec00-78ff-b232-9586c608efb1', 'Influencer marketing', 'Marketing and growth'),
  ('019aa3b5-ec00-778b-a1b0-ade2ea4cd4bc', 'Fundraising', 'Business and law'),
  ('019aa3b5-ec00-7708-850e-288606c1b8d1', 'Financial modelling', 'Business and law'),
  ('019aa3b5-ec00-708c-a60c-1289b2078093', 'Accounting', 'Business and law'),
  ('019aa3b5-ec00-71ce-a3e4-3ffa7d240b1a', 'Sales', 'Business and law'),
  ('019aa3b5-ec00-7dd5-a6eb-85b941c7924a', 'Customer success', 'Business and law'),
  ('019aa3b5-ec00-7c62-82a5-e89f2385e347', 'Business development', 'Business and law'),
  ('019aa3b5-ec00-75cd-b120-05b214668eea', 'Operations', 'Business and law'),
  ('019aa3b5-ec00-7e10-b9ec-1ad085e26df5', 'Supply chain', 'Business and law'),
  ('019aa3b5-ec00-702b-b59c-b22e4c042869', 'Negotiation', 'Business and law'),
  ('019aa3b5-ec00-758c-84c8-73f5d3db11b7', 'Contract law', 'Business and law'),
  ('019aa3b5-ec00-715c-a2c6-b758f5b9e8e7', 'Intellectual property', 'Business and law'),
  ('019aa3b5-ec00-7742-8d24-7fa861939295', 'Data protection law', 'Business and law'),
  ('019aa3b5-ec00-7c99-93ea-32f5fa0052fe', 'Grant writing', 'Business and law'),
  ('019aa3b5-ec00-7637-b08e-bb643bd3cd5a', 'Recruiting', 'Business and law'),
  ('019aa3b5-ec00-77c9-bdd7-823cdb006300', 'Acting', 'Film, stage and media'),
  ('019aa3b5-ec00-7666-84f0-c02a1859c35c', 'Voice acting', 'Film, stage and media'),
  ('019aa3b5-ec00-71d4-a7bd-d643ea6ef21a', 'Screenwriting', 'Film, stage and media'),
  ('019aa3b5-ec00-7cc6-976a-9e2fe2a5d4ff', 'Directing', 'Film, stage and media'),
  ('019aa3b5-ec00-7833-9bc5-e3ddffe4d7b9', 'Film production', 'Film, stage and media'),
  ('019aa3b5-ec00-76a7-ad84-ddb7db9ba94b', 'Casting', 'Film, stage and media'),
  ('019aa3b5-ec00-7c6c-8448-61e671b9abe6', 'Cinematography', 'Film, stage and media'),
  ('019aa3b5-ec00-7a0e-bc34-b031e19e82c4', 'Film editing', 'Film, stage and media'),
  ('019aa3b5-ec00-7322-9358-f901a30e4c93', 'Sound design', 'Film, stage and media'),
  ('019aa3b5-ec00-7ee0-9ea2-a7bad6210fa3', 'Music production', 'Film, stage and media'),
  ('019aa3b5-ec00-76c2-b318-25d81e408d4e', 'Singing', 'Film, stage and media'),
  ('019aa3b5-ec00-78ee-97c8-57b52ad93787', 'Dance', 'Film, stage and media'),
  ('019aa3b5-ec00-7dfd-8b49-557729ae9cd7', 'Photography', 'Film, stage and media'),
  ('019aa3b5-ec00-7b4e-94e6-461e2638fb22', 'Video editing', 'Film, stage and media'),
  ('019aa3b5-ec00-77e8-95ab-600bdc1d4141', 'Stage management', 'Film, stage and media'),
  ('019aa3b5-ec00-7423-be52-17928ab78912', 'Costume design', 'Film, stage and media'),
  ('019aa3b5-ec00-7e77-ad79-0618013fc16d', 'Make-up artistry', 'Film, stage and media'),
  ('019aa3b5-ec00-72b3-a97a-8a88016c84e1', 'Podcasting', 'Film, stage and media');
