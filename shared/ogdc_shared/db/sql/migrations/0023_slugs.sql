-- Lists of runs by the beginning of their names, for recipes with very many runs (docs/decisions/0059-*).

-- What the names of a recipe's runs begin with (`workflow.names`). Recipes are few, so this takes a moment.
ALTER TABLE recipes
    ADD COLUMN slug text COLLATE "C"
    GENERATED ALWAYS AS (btrim(left(replace(id, '.', '-'), 50), '-') || '-') STORED;
CREATE INDEX recipes_by_slug ON recipes (slug);

-- With the names, of which some begin as is asked for.
DROP INDEX runs_by_recipe;
CREATE INDEX runs_by_recipe ON runs (recipe_id, submitted_at, id) INCLUDE (name);
