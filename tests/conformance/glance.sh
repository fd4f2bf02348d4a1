# Every command of `glance`, each with what it must come to.
# Sourced by scripts/conformance.sh: the service runs, the people and the image `micro` are there.

source "$conformance/checks.sh"

# gl PERSON PROJECT ARGUMENT...: the glance command. Its input is closed: any other that is no terminal is an upload to it.
gl() {
    local secret
    secret=$(cat "$folder/password")
    [ "$1" != admin ] || secret=$(sed -n "s/^ *password: *'\(.*\)'/\1/p" "$data/clouds.yaml")
    env HOME="$folder" OS_AUTH_URL="$address/identity/v3" OS_USERNAME="$1" OS_PASSWORD="$secret" OS_PROJECT_NAME="$2" \
        OS_USER_DOMAIN_ID=default OS_PROJECT_DOMAIN_ID=default OS_REGION_NAME=RegionOne OS_IDENTITY_API_VERSION=3 \
        "$clients/glance" "${@:3}" <&-
}
alice() { gl alice web "$@"; }
bob() { gl bob other "$@"; }
admin() { gl admin admin "$@"; }

# found NAME: the id of Alice's image of this name.
found() { as alice-web image list --name "$1" -f value -c ID; }
# status NAME
status() { as alice-web image show "$1" -f value -c status; }
# stores NAME
stores() { alice image-show "$(found "$1")" | awk '$2 == "stores" { print $4 }'; }

step "Images"
file=$folder/www/micro.raw
bare=(--disk-format raw --container-format bare)
check "image-create --file" says active alice image-create --name glanced "${bare[@]}" --file "$file" --property colour=red
one=$(found glanced)
check "image-list" says glanced alice image-list
check "image-list --sort, --limit" alice image-list --limit 2 --page-size 1 --sort name:asc
check "image-list --property-filter" says glanced alice image-list --property-filter colour=red
check "image-list --visibility" says micro alice image-list --visibility public
check "image-show" says sha512 alice image-show "$one"
check "image-update" says blue alice image-update "$one" --name renamed --property colour=blue --min-disk 1
check "image-update --remove-property" alice image-update "$one" --remove-property colour
check "image-tag-update" alice image-tag-update "$one" leaf
check "image-list --tag" says renamed alice image-list --tag leaf
check "image-tag-delete" alice image-tag-delete "$one" leaf
check "image-download" both alice image-download "$one" --file "$folder/glance.raw" -- cmp "$file" "$folder/glance.raw"
check "image-deactivate" both alice image-deactivate "$one" -- shows deactivated status renamed
check "image-reactivate" both alice image-reactivate "$one" -- shows active status renamed
check "image-create, then image-upload" alice image-create --name later "${bare[@]}"
later=$(found later)
check "image-upload" both alice image-upload "$later" --file "$file" -- shows active status later
check "image-upload again is refused" refused "uploaded to a queued image, once" alice image-upload "$later" --file "$file"
check "image-create of an unknown format is refused" refused "" alice image-create --name no --disk-format nonsense
check "usage" alice usage

step "Sharing"
other=$(as effigy project show other -f value -c id)
check "member-create" says pending alice member-create "$one" "$other"
check "member-list" says "$other" alice member-list --image-id "$one"
check "member-update" says accepted bob member-update "$one" "$other" accepted
check "image-list --visibility shared" says renamed bob image-list --visibility shared
check "member-delete" alice member-delete "$one" "$other"
check "image-show, not shared any more, is not found" refused "No image found" bob image-show "$one"

step "Import, stores and tasks"
check "import-info" says web-download alice import-info
check "stores-info" says local alice stores-info
check "stores-info --detail" says local admin stores-info --detail
check "image-create-via-import" alice image-create-via-import --name direct "${bare[@]}" --file "$file"
check "... becomes the file" becomes active status direct
check "image-create-via-import web-download" alice image-create-via-import --name fetched "${bare[@]}" \
    --import-method web-download --uri "$images/micro.raw"
check "... becomes what is there" becomes active status fetched
check "image-create, image-stage" alice image-create --name staged "${bare[@]}"
staged=$(found staged)
check "image-stage" both alice image-stage "$staged" --file "$file" -- shows uploading status staged
check "image-import" alice image-import "$staged"
check "... becomes what was staged" becomes active status staged
check "image-create, then image-upload --store" alice image-create --name far "${bare[@]}"
far=$(found far)
check "image-upload --store" both alice image-upload "$far" --store archive --file "$file" -- shows archive stores far
check "image-import copy-image" admin image-import "$far" --import-method copy-image --all-stores True
check "... comes to every store" becomes archive,local,second stores far
check "stores-delete" both alice stores-delete --store archive "$far" -- shows local,second stores far
check "stores-delete again is refused" refused "store not found" alice stores-delete --store archive "$far"
check "image-tasks" says success alice image-tasks "$staged"
check "task-list" admin task-list
check "task-create" admin task-create --type import --input \
    '{"import_from": "'"$images/micro.qcow2"'", "import_from_format": "qcow2",
      "image_properties": {"name": "by task", "disk_format": "qcow2", "container_format": "bare"}}'
task=$(admin task-list | awk '/import/ { print $2; exit }')
check "task-show" says import admin task-show "$task"
check "location-add is refused" refused "" alice location-add "$one" --url http://127.0.0.1/x
check "cache-list is refused clearly" refused "not supported" admin cache-list

step "Metadata definitions"
check "md-namespace-create" says trees admin md-namespace-create trees --display-name Trees --visibility public
check "md-namespace-list" says trees alice md-namespace-list
check "md-namespace-update" says Woods admin md-namespace-update trees --display-name Woods
check "md-namespace-show" says Woods alice md-namespace-show trees
check "md-object-create" admin md-object-create trees --name oak --schema '{"description": "An oak"}'
check "md-object-list" says oak alice md-object-list trees
check "md-object-show" says "An oak" alice md-object-show trees oak
check "md-object-update" admin md-object-update trees oak --name elm --schema '{"description": "An elm"}'
check "md-object-delete" admin md-object-delete trees elm
check "md-property-create" admin md-property-create trees --name height --title Height --type integer \
    --schema '{"description": "How high"}'
check "md-property-list" says height alice md-property-list trees
check "md-property-show" says Height alice md-property-show trees height
check "md-property-update" admin md-property-update trees height --name width --title Width --schema '{"type": "string"}'
check "md-property-delete" admin md-property-delete trees width
check "md-tag-create" admin md-tag-create trees --name green
check "md-tag-create-multiple" admin md-tag-create-multiple trees --names red:yellow --delim :
check "md-tag-list" says yellow alice md-tag-list trees
check "md-tag-show" alice md-tag-show trees yellow
check "md-tag-update" admin md-tag-update trees yellow --name brown
check "md-tag-delete" admin md-tag-delete trees brown
check "md-resource-type-associate" admin md-resource-type-associate trees --name OS::Glance::Image
check "md-namespace-resource-type-list" says OS::Glance::Image alice md-namespace-resource-type-list trees
check "md-resource-type-list" says OS::Glance::Image alice md-resource-type-list
check "md-resource-type-deassociate" admin md-resource-type-deassociate trees OS::Glance::Image
check "md-namespace-objects-delete" admin md-namespace-objects-delete trees
check "md-namespace-properties-delete" admin md-namespace-properties-delete trees
check "md-namespace-tags-delete" admin md-namespace-tags-delete trees
check "md-namespace-delete" admin md-namespace-delete trees
echo '{"namespace": "shrubs", "display_name": "Shrubs", "objects": [{"name": "box"}], "tags": [{"name": "low"}]}' \
    >"$folder/shrubs.json"
check "md-namespace-import" admin md-namespace-import --file "$folder/shrubs.json"
check "md-namespace-delete, of what was imported" admin md-namespace-delete shrubs

step "The end"
check "explain" alice explain image
check "image-delete" alice image-delete "$one" "$later" "$staged"
check "image-delete of none is refused" refused "" alice image-delete "$one"

closing glance
