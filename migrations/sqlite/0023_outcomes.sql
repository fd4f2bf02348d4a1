-- The verification in short, for lists, beside its verdict: how much could be told ('whole', 'partly' or 'unknown'), and
-- how many problems were found. Null with the verdict.
alter table images add column seen     text;
alter table images add column problems bigint;

-- Stated once more, from the reports that are kept, so that these are known of every image.
update verifications set rules = '';
