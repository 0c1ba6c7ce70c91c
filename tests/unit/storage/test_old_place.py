def test_programs_find_where_recipes_are_staged_at_the_old_place() -> None:
    from ogdc_shared.recipe_sources import staging as here
    from ogdc_shared.storage.staging import stage_recipe

    assert stage_recipe is here.stage_recipe
