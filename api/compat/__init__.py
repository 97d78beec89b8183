"""Request formats of other services, each translated to a Draft."""
