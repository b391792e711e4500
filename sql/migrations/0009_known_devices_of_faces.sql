-- In the mode second_factor a face opens an account from a browser that is known to it. A browser becomes known by a
-- sign-in of another method; one by face says so only where this is set: its account was made with it, or a code was
-- given beside the face.
alter table sessions add column device_proved boolean not null default false;
