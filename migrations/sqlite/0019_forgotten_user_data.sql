-- User data often is a secret, and a deleted instance has no more use for it.
update instances set user_data = null where status = 'DELETED';
