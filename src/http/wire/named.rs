//! Values of `answer` that go over the wire as one of a list of names, which `answer` has: their JSON and its description.

/// Makes a type of the wire, described as `$description`, for a type with `ALL` and `as_str`.
macro_rules! named {
    ($name:ident, $domain:ty, $description:literal) => {
        #[doc = $description]
        #[derive(Debug)]
        pub struct $name($domain);

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                Self(value)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.as_str())
            }
        }

        impl utoipa::ToSchema for $name {}

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some(<$domain>::ALL.map(<$domain>::as_str)))
                    .description(Some($description))
                    .into()
            }
        }
    };
}

pub(super) use named;
