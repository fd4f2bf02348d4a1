# Every `openstack` command that people use with this service, each with what it must come to.
# Sourced by scripts/conformance.sh: the service runs, the people and the image `micro` are there.

source "$conformance/checks.sh"

id() { as "$1" "${@:2}" -f value -c id; }
# stores IMAGE: the stores that have it.
stores() { as alice-web image show "$1" -f value -c properties | grep -o "'stores': '[^']*'" | cut -d "'" -f 4; }

step "Signing in"
check "token issue" says eft_ as alice-web token issue
check "catalog list" lists image as alice-web catalog list -f value -c Type
token=$(id alice-web token issue)
check "token revoke" as alice-web token revoke "$token"
check "versions show" says 2.96 as alice-web versions show

step "Projects, users, groups, roles"
check "project create" shows made as effigy project create made --description "A project" -f value -c name
check "project create --parent" as effigy project create below --parent made
check "project list --parent" lists below as effigy project list --parent made -f value -c Name
check "project set" as effigy project set made --name renamed --tag blue
check "project show" says blue as effigy project show renamed
check "project list" lists renamed as effigy project list -f value -c Name
check "project list --my-projects" lists web as alice-web project list --my-projects -f value -c Name
check "user create" as effigy user create carol --project renamed --password "carol's own" --email carol@example.org
check "user show" shows carol@example.org as effigy user show carol -f value -c email
check "user set" as effigy user set carol --description "Somebody" --password "carol's other"
check "user list --project" refused "" as effigy user list --project nowhere
check "group create" as effigy group create crew
check "group add user" as effigy group add user crew carol
check "group contains user" says "carol in group crew" as effigy group contains user crew carol
check "role create" as effigy role create gardener
check "role add" as effigy role add gardener --user carol --project renamed
check "role add --inherited" as effigy role add member --group crew --project renamed --inherited
check "implied role create" as effigy implied role create gardener --implied-role reader
check "implied role list" says gardener as effigy implied role list
check "role assignment list --names" says "carol@Default" as effigy role assignment list --names --user carol
check "role assignment list --effective" says "below@Default" as effigy role assignment list --names --effective --user carol
check "role remove" as effigy role remove gardener --user carol --project renamed
check "role list" lists gardener as effigy role list -f value -c Name
check "role delete" as effigy role delete gardener
check "group remove user" as effigy group remove user crew carol
check "group delete" as effigy group delete crew
check "user delete" as effigy user delete carol
check "project delete" both as effigy project delete below -- as effigy project delete renamed
check "domain create" as effigy domain create lab
check "domain list" lists lab as effigy domain list -f value -c Name
check "domain set --disable, delete" both as effigy domain set --disable lab -- as effigy domain delete lab
check "service list" lists image as effigy service list -f value -c Type
check "endpoint list" says /image as effigy endpoint list
check "region create, list" both as effigy region create north -- lists north as effigy region list -f value -c Region
check "region set, delete" both as effigy region set north --description "Far" -- as effigy region delete north
check "application credential create" says Secret as alice-web application credential create machine
check "application credential list" lists machine as alice-web application credential list -f value -c Name
check "application credential show" as alice-web application credential show machine
check "application credential delete" as alice-web application credential delete machine
check "access rule list" as alice-web access rule list

step "Images"
file=$folder/www/micro.raw
check "image create --file" shows active as alice-web image create one --disk-format raw --container-format bare \
    --file "$file" --property colour=red --tag first -f value -c status
one=$(id alice-web image show one)
check "image list" lists one as alice-web image list -f value -c Name
check "image list --long" says raw as alice-web image list --long
check "image list --tag" shows one as alice-web image list --tag first -f value -c Name
check "image list --property" shows one as alice-web image list --property colour=red -f value -c Name
check "image list --public --sort" lists micro as alice-web image list --public --sort name:desc -f value -c Name
check "image set" as alice-web image set one --name two --property colour=blue --tag second --min-disk 1
check "image show by name" says "colour='blue'" as alice-web image show two
check "image unset" as alice-web image unset two --property colour --tag first
check "image set --deactivate" both as alice-web image set two --deactivate -- \
    shows deactivated as alice-web image show two -f value -c status
check "image set --activate" both as alice-web image set two --activate -- \
    shows active as alice-web image show two -f value -c status
check "image save" both as alice-web image save two --file "$folder/saved.raw" -- cmp "$file" "$folder/saved.raw"
other=$(id effigy project show other)
check "image add project" shows pending as alice-web image add project two "$other" -f value -c status
check "image member list" shows "$other pending" as alice-web image member list two -f value -c "Member ID" -c Status
check "image list --shared --member-status all" says two as bob image list --shared --member-status all
check "image set --accept" both as bob image set "$one" --accept -- lists two as bob image list --shared -f value -c Name
check "image set --reject" as bob image set "$one" --reject
check "image remove project" as alice-web image remove project two "$other"
check "image import info" says glance-direct as alice-web image import info
check "image stores list" lists local as alice-web image stores list -f value -c ID
check "image create --import" as alice-web image create imported --disk-format raw --container-format bare \
    --file "$file" --import
check "an imported image is the file" becomes active as alice-web image show imported -f value -c status
check "image import --method copy-image" as effigy image import \
    "$(id alice-web image show imported)" --method copy-image --store archive second
check "... comes to those stores" becomes archive,local,second stores imported
check "image delete" both as alice-web image delete imported -- \
    lists_no imported as alice-web image list -f value -c Name
check "image task list" as effigy image task list
check "image metadef namespace create" as effigy image metadef namespace create flowers --display-name Flowers --public
check "image metadef namespace list" lists flowers as alice-web image metadef namespace list -f value -c namespace
# As with Glance, what a change of a namespace leaves out goes back to its default.
check "image metadef namespace set" as effigy image metadef namespace set flowers --description "All of them" --public
check "image metadef namespace show" says "All of them" as alice-web image metadef namespace show flowers
check "image metadef object create" as effigy image metadef object create rose --namespace flowers
check "image metadef object list" lists rose as alice-web image metadef object list flowers -f value -c name
check "image metadef property create" as effigy image metadef property create flowers --name thorns --title Thorns \
    --type integer --schema '{}'
check "image metadef property list" lists thorns as alice-web image metadef property list flowers -f value -c name
check "image metadef resource type list" lists OS::Glance::Image as alice-web image metadef resource type list -f value -c Name
check "image metadef namespace delete" as effigy image metadef namespace delete flowers
check "cached image list is refused clearly" refused "not supported" as effigy cached image list

step "Flavors, key pairs, limits"
check "flavor list --long" says m1.nano as alice-web flavor list --long
check "flavor show" shows 64 as alice-web flavor show m1.nano -f value -c ram
check "flavor create" as effigy flavor create mine --ram 64 --disk 1 --vcpus 1 --property hw:mem_page_size=any
check "flavor set, unset" both as effigy flavor set mine --property a:b=c -- as effigy flavor unset mine --property a:b
check "flavor delete" as effigy flavor delete mine
check "keypair create" as alice-web keypair create key --private-key "$folder/key"
check "keypair list" lists key as alice-web keypair list -f value -c Name
check "keypair show" as alice-web keypair show key
check "limits show --absolute" says max_total_instances as alice-web limits show --absolute
check "availability zone list" lists nova as alice-web availability zone list --compute -f value -c "Zone Name"
check "quota show" says instances as alice-web quota show --compute
check "network list" lists default as alice-web network list -f value -c Name
check "hypervisor list" says QEMU as effigy hypervisor list

step "Instances"
create=(as alice-web server create --image micro --flavor m1.nano --wait)
check "server create --nic none --key-name" "${create[@]}" --nic none --key-name key first
check "server create, no network said" "${create[@]}" second
check "server create --network" "${create[@]}" --network default third
check "server create --boot-from-volume is refused clearly" refused volume \
    as alice-web server create --image micro --flavor m1.nano --nic none --boot-from-volume 1 never
check "server list" says micro as alice-web server list
check "server list --no-name-lookup" lists first as alice-web server list -n -f value -c Name
check "server list --name" shows second as alice-web server list --name '^sec' -f value -c Name
check "server list --all-projects" lists first as effigy server list --all-projects -f value -c Name
check "server show" shows ACTIVE as alice-web server show first -f value -c status
check "port list --server" says 10.0.2.15 as alice-web port list --server second
check "server set" as alice-web server set first --name renamed --property a=b --tag t --description "The first"
check "server show, as set" both says "a='b'" as alice-web server show renamed -- \
    shows "The first" as alice-web server show renamed -f value -c description
check "server unset" as alice-web server unset renamed --property a --tag t
check "server lock" both as alice-web server lock renamed -- refused lock as alice-web server delete renamed
check "server unlock" as alice-web server unlock renamed
check "console log show" console alice-web renamed "MICRO-READY"
check "console log show --lines" as alice-web console log show renamed --lines 1
check "console url show --novnc" says http as alice-web console url show renamed --novnc
check "console url show --serial" says ws as alice-web console url show renamed --serial
check "server reboot --hard" as alice-web server reboot --hard --wait renamed
check "server image create, running, is refused" refused 409 as alice-web server image create renamed --name early
check "server stop" both as alice-web server stop renamed -- \
    becomes SHUTOFF as alice-web server show renamed -f value -c status
check "server image create" as alice-web server image create renamed --name cast --wait
check "server start" both as alice-web server start renamed -- \
    becomes ACTIVE as alice-web server show renamed -f value -c status
check "server event list" says createImage as alice-web server event list renamed
check "server volume list" as alice-web server volume list renamed
check "server pause is refused clearly" refused 501 as alice-web server pause renamed
check "server delete --wait" as alice-web server delete --wait renamed second third
check "keypair delete" as alice-web keypair delete key
check "image delete, of a cast" as alice-web image delete cast

closing openstack
