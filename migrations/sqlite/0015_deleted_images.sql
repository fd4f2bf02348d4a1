-- The ids of images that were deleted: nobody makes another image of one.
create table deleted_images (id text primary key) without rowid;
