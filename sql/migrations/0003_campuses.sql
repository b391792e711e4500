-- A first dozen campuses; operators add and remove their own with `bonafide campuses`. The domain is that of the
-- students' addresses; whether mail.<domain> counts too is the setting CAMPUS_SUBDOMAINS.

insert into campuses (id, name, domain) values
  ('01900000-0000-7000-8000-000000000001', 'ETH Zürich', 'ethz.ch'),
  ('01900000-0000-7000-8000-000000000002', 'Indian Institute of Technology Bombay', 'iitb.ac.in'),
  ('01900000-0000-7000-8000-000000000003', 'Massachusetts Institute of Technology', 'mit.edu'),
  ('01900000-0000-7000-8000-000000000004', 'National University of Singapore', 'u.nus.edu'),
  ('01900000-0000-7000-8000-000000000005', 'Stanford University', 'stanford.edu'),
  ('01900000-0000-7000-8000-000000000006', 'Technical University of Munich', 'tum.de'),
  ('01900000-0000-7000-8000-000000000007', 'Universidade de São Paulo', 'usp.br'),
  ('01900000-0000-7000-8000-000000000008', 'University of California, Berkeley', 'berkeley.edu'),
  ('01900000-0000-7000-8000-000000000009', 'University of Cambridge', 'cam.ac.uk'),
  ('01900000-0000-7000-8000-00000000000a', 'University of Cape Town', 'myuct.ac.za'),
  ('01900000-0000-7000-8000-00000000000b', 'University of Melbourne', 'student.unimelb.edu.au'),
  ('01900000-0000-7000-8000-00000000000c', 'University of Toronto', 'utoronto.ca');
