-- 0014 left as it was what the index of faces had linked before, and searches look less far around since: among the old
-- links they find less, until these are made anew. Here it is written down in which file the index lies:
-- whatever links it anew, `reindex index concurrently` first of all, writes another. So `bonafide doctor` can tell
-- whether that was done; the comment goes along with the index.
do $$
begin
  execute format(
    'comment on index face_templates_nearest is %L',
    'at migration 0015 in file ' || pg_relation_filenode('face_templates_nearest')
  );
end
$$;
