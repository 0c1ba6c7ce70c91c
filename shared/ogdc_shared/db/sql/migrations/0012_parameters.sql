-- What each run was given for its recipe's parameters; the plan, which commands are run by, has the same.

ALTER TABLE runs
    ADD COLUMN parameters json;                  -- {name: value}, without what gives access to data; null: there are none
