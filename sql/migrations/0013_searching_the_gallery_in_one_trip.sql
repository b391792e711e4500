-- The index of faces links each new template with more care: a search that looks less far around finds as many. What was
-- linked before stays as it is; `reindex index concurrently face_templates_nearest` links it anew.
alter index face_templates_nearest set (ef_construction = 256);

-- A search needs settings for its transaction; so it is one trip to the server instead of four.
create function faces_nearest(probe real[], most int, depth int)
returns table (account_id uuid, descriptor bytea) language plpgsql as $$
#variable_conflict use_column
begin
  -- The strict order goes on searching where the nearest are rows that have just been deleted.
  perform set_config('hnsw.ef_search', depth::text, true), set_config('hnsw.iterative_scan', 'strict_order', true);
  return query
  select near.account_id, vector_send(near.descriptor)
  from (
    select account_id, descriptor from face_templates
    where kind = 1
    order by cast(descriptor as halfvec(128)) <-> cast(probe as halfvec(128))
    limit most
  ) near join accounts a on a.id = near.account_id;
end
$$;
