-- Failed sign-ins are counted in memory: strangers write nothing to the disk.
drop table sign_in_failures;
