-- Why a run ended that Argo only says was ended: kept here, since Argo forgets it.

ALTER TABLE runs
    ADD COLUMN waiting text,                     -- what its tasks waited for to begin, as heard last before its end
    ADD COLUMN stopped_for text;                 -- who stopped it, set before Argo is told to; null: nobody
