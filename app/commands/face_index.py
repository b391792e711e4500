"""What `bonafide doctor` tells an operator about the index of faces: nothing, as long as the gallery is small."""

import asyncpg

# 700,000 templates: from there on the eighth that huge pages save of a search is a millisecond.
LARGE_INDEX_BYTES = 512 * 1024 * 1024
# Fewer that were linked before migration 0014 cost next to nobody: among 100,000, linked as 0013 did, a search that
# looked less far around than ours found 0.995 (README, Figures).
MANY_OLD_LINKS = 50_000
_IS_OLD_FILE = """
select obj_description(index, 'pg_class') = 'at migration 0015 in file ' || pg_relation_filenode(index)
from to_regclass('face_templates_nearest') index
"""
_LINKED_BEFORE = """
select count(*) from face_templates
where kind = 1 and created_at < (select applied_at from schema_migrations where number = 14)
"""


async def face_index_hints(connection: "asyncpg.Connection") -> str:
    """What can be done for searches in this gallery, to be read after a semicolon; empty where there is nothing."""
    index = await connection.fetchval("select pg_relation_size(to_regclass('face_templates_nearest'))")
    pages = await connection.fetchval("select current_setting('huge_pages_status', true)")
    return huge_pages_hint(index or 0, pages or "") + old_links_hint(await linked_before(connection))


def huge_pages_hint(index_bytes: int, status: str) -> str:
    """What an operator with a large gallery of faces can do; empty where there is nothing to do."""
    if index_bytes < LARGE_INDEX_BYTES or status == "on":
        return ""
    return (
        f"; the index of faces takes {index_bytes >> 20} MiB: reserve huge pages for shared_buffers (vm.nr_hugepages), "
        "searches then take an eighth less time"
    )


async def linked_before(connection: "asyncpg.Connection") -> int:
    """How many templates migration 0014 found in the index; none once the index was built anew."""
    is_old = await connection.fetchval(_IS_OLD_FILE)
    return int(await connection.fetchval(_LINKED_BEFORE)) if is_old else 0


def old_links_hint(templates: int) -> str:
    """What an operator can do whose index holds so many that were linked with less care; empty for few."""
    if templates < MANY_OLD_LINKS:
        return ""
    return (
        f"; {templates} templates of the index of faces are from before migration 0014: build it anew by "
        "`reindex index concurrently face_templates_nearest`, searches then find a few people more"
    )
