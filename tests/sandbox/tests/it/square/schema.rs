//! What Square's answers may be made of: members and types of the schemas that the sandbox plays.
//!
//! Taken from the vendor's own description of its API, names and types only: repository
//! `square/connect-api-specification`, file `api.json`, commit 5733f662 (2025-08-19), Apache License
//! 2.0. Where a type is a list of more than 18 words only `string` is said.
//!
//! A type is `string`, `integer`, `boolean`, `object`, the name of another schema, the words that are
//! allowed with `|` between them, `[…]` for a list or `{…}` for a map of these; `?` behind it says that
//! the value can be null.

/// A member and its type.
pub type Member = (&'static str, &'static str);

/// The members of a schema. No schema has this name: nothing.
pub fn members(schema: &str) -> &'static [Member] {
    match schema {
        "ListBookingsResponse" => LIST_BOOKINGS_RESPONSE,
        "RetrieveBookingResponse" => RETRIEVE_BOOKING_RESPONSE,
        "BulkRetrieveBookingsResponse" => BULK_RETRIEVE_BOOKINGS_RESPONSE,
        "Booking" => BOOKING,
        "AppointmentSegment" => APPOINTMENT_SEGMENT,
        "BookingCreatorDetails" => BOOKING_CREATOR_DETAILS,
        "RetrieveBusinessBookingProfileResponse" => RETRIEVE_BUSINESS_BOOKING_PROFILE_RESPONSE,
        "BusinessBookingProfile" => BUSINESS_BOOKING_PROFILE,
        "BusinessAppointmentSettings" => BUSINESS_APPOINTMENT_SETTINGS,
        "RetrieveCustomerResponse" => RETRIEVE_CUSTOMER_RESPONSE,
        "BulkRetrieveCustomersResponse" => BULK_RETRIEVE_CUSTOMERS_RESPONSE,
        "Customer" => CUSTOMER,
        "CustomerPreferences" => CUSTOMER_PREFERENCES,
        "ListLocationsResponse" => LIST_LOCATIONS_RESPONSE,
        "Location" => LOCATION,
        "RetrieveMerchantResponse" => RETRIEVE_MERCHANT_RESPONSE,
        "Merchant" => MERCHANT,
        "ObtainTokenResponse" => OBTAIN_TOKEN_RESPONSE,
        "RetrieveTokenStatusResponse" => RETRIEVE_TOKEN_STATUS_RESPONSE,
        "RevokeTokenResponse" => REVOKE_TOKEN_RESPONSE,
        "Error" => ERROR,
        "BookingUpdatedEvent" => BOOKING_UPDATED_EVENT,
        "BookingUpdatedEventData" => BOOKING_UPDATED_EVENT_DATA,
        "BookingUpdatedEventObject" => BOOKING_UPDATED_EVENT_OBJECT,
        "CustomerCreatedEvent" => CUSTOMER_CREATED_EVENT,
        "CustomerCreatedEventData" => CUSTOMER_CREATED_EVENT_DATA,
        "CustomerCreatedEventObject" => CUSTOMER_CREATED_EVENT_OBJECT,
        "CustomerCreatedEventEventContext" => CUSTOMER_CREATED_EVENT_EVENT_CONTEXT,
        "CustomerCreatedEventEventContextMerge" => CUSTOMER_CREATED_EVENT_EVENT_CONTEXT_MERGE,
        _ => &[],
    }
}

const LIST_BOOKINGS_RESPONSE: &[Member] =
    &[("bookings", "[Booking]"), ("cursor", "string"), ("errors", "[Error]")];

const RETRIEVE_BOOKING_RESPONSE: &[Member] = &[("booking", "Booking"), ("errors", "[Error]")];

const BULK_RETRIEVE_BOOKINGS_RESPONSE: &[Member] =
    &[("bookings", "{RetrieveBookingResponse}"), ("errors", "[Error]")];

const BOOKING: &[Member] = &[
    ("id", "string"),
    ("version", "integer"),
    (
        "status",
        "PENDING | CANCELLED_BY_CUSTOMER | CANCELLED_BY_SELLER | DECLINED | ACCEPTED | NO_SHOW",
    ),
    ("created_at", "string"),
    ("updated_at", "string"),
    ("start_at", "string?"),
    ("location_id", "string?"),
    ("customer_id", "string?"),
    ("customer_note", "string?"),
    ("seller_note", "string?"),
    ("appointment_segments", "[AppointmentSegment]?"),
    ("transition_time_minutes", "integer"),
    ("all_day", "boolean"),
    ("location_type", "BUSINESS_LOCATION | CUSTOMER_LOCATION | PHONE?"),
    ("creator_details", "BookingCreatorDetails"),
    ("source", "FIRST_PARTY_MERCHANT | FIRST_PARTY_BUYER | THIRD_PARTY_BUYER | API"),
    ("address", "object?"),
];

const APPOINTMENT_SEGMENT: &[Member] = &[
    ("duration_minutes", "integer?"),
    ("service_variation_id", "string?"),
    ("team_member_id", "string"),
    ("service_variation_version", "integer?"),
    ("intermission_minutes", "integer"),
    ("any_team_member", "boolean"),
    ("resource_ids", "[string]"),
];

const BOOKING_CREATOR_DETAILS: &[Member] = &[
    ("creator_type", "TEAM_MEMBER | CUSTOMER"),
    ("team_member_id", "string"),
    ("customer_id", "string"),
];

const RETRIEVE_BUSINESS_BOOKING_PROFILE_RESPONSE: &[Member] =
    &[("business_booking_profile", "BusinessBookingProfile"), ("errors", "[Error]")];

const BUSINESS_BOOKING_PROFILE: &[Member] = &[
    ("seller_id", "string?"),
    ("created_at", "string"),
    ("booking_enabled", "boolean?"),
    ("customer_timezone_choice", "BUSINESS_LOCATION_TIMEZONE | CUSTOMER_CHOICE?"),
    ("booking_policy", "ACCEPT_ALL | REQUIRES_ACCEPTANCE?"),
    ("allow_user_cancel", "boolean?"),
    ("business_appointment_settings", "BusinessAppointmentSettings?"),
    ("support_seller_level_writes", "boolean?"),
];

const BUSINESS_APPOINTMENT_SETTINGS: &[Member] = &[
    ("location_types", "[BUSINESS_LOCATION | CUSTOMER_LOCATION | PHONE]?"),
    ("alignment_time", "SERVICE_DURATION | QUARTER_HOURLY | HALF_HOURLY | HOURLY?"),
    ("min_booking_lead_time_seconds", "integer?"),
    ("max_booking_lead_time_seconds", "integer?"),
    ("any_team_member_booking_enabled", "boolean?"),
    ("multiple_service_booking_enabled", "boolean?"),
    ("max_appointments_per_day_limit_type", "PER_TEAM_MEMBER | PER_LOCATION?"),
    ("max_appointments_per_day_limit", "integer?"),
    ("cancellation_window_seconds", "integer?"),
    ("cancellation_fee_money", "object?"),
    ("cancellation_policy", "CANCELLATION_TREATED_AS_NO_SHOW | CUSTOM_POLICY?"),
    ("cancellation_policy_text", "string?"),
    ("skip_booking_flow_staff_selection", "boolean?"),
];

const RETRIEVE_CUSTOMER_RESPONSE: &[Member] = &[("errors", "[Error]"), ("customer", "Customer")];

const BULK_RETRIEVE_CUSTOMERS_RESPONSE: &[Member] =
    &[("responses", "{RetrieveCustomerResponse}"), ("errors", "[Error]")];

const CUSTOMER: &[Member] = &[
    ("id", "string"),
    ("created_at", "string"),
    ("updated_at", "string"),
    ("given_name", "string?"),
    ("family_name", "string?"),
    ("nickname", "string?"),
    ("company_name", "string?"),
    ("email_address", "string?"),
    ("address", "object?"),
    ("phone_number", "string?"),
    ("birthday", "string?"),
    ("reference_id", "string?"),
    ("note", "string?"),
    ("preferences", "CustomerPreferences?"),
    ("creation_source", "string?"),
    ("group_ids", "[string]?"),
    ("segment_ids", "[string]?"),
    ("version", "integer"),
    ("tax_ids", "object?"),
];

const CUSTOMER_PREFERENCES: &[Member] = &[("email_unsubscribed", "boolean?")];

const LIST_LOCATIONS_RESPONSE: &[Member] = &[("errors", "[Error]"), ("locations", "[Location]")];

const LOCATION: &[Member] = &[
    ("id", "string"),
    ("name", "string?"),
    ("address", "object?"),
    ("timezone", "string?"),
    ("capabilities", "[CREDIT_CARD_PROCESSING | AUTOMATIC_TRANSFERS | UNLINKED_REFUNDS]"),
    ("status", "ACTIVE | INACTIVE?"),
    ("created_at", "string"),
    ("merchant_id", "string"),
    ("country", "string"),
    ("language_code", "string?"),
    ("currency", "string"),
    ("phone_number", "string?"),
    ("business_name", "string?"),
    ("type", "PHYSICAL | MOBILE?"),
    ("website_url", "string?"),
    ("business_hours", "object?"),
    ("business_email", "string?"),
    ("description", "string?"),
    ("twitter_username", "string?"),
    ("instagram_username", "string?"),
    ("facebook_url", "string?"),
    ("coordinates", "object?"),
    ("logo_url", "string"),
    ("pos_background_url", "string"),
    ("mcc", "string?"),
    ("full_format_logo_url", "string"),
    ("tax_ids", "object"),
];

const RETRIEVE_MERCHANT_RESPONSE: &[Member] = &[("errors", "[Error]"), ("merchant", "Merchant")];

const MERCHANT: &[Member] = &[
    ("id", "string"),
    ("business_name", "string?"),
    ("country", "string"),
    ("language_code", "string?"),
    ("currency", "string?"),
    ("status", "ACTIVE | INACTIVE?"),
    ("main_location_id", "string?"),
    ("created_at", "string"),
];

const OBTAIN_TOKEN_RESPONSE: &[Member] = &[
    ("access_token", "string"),
    ("token_type", "string"),
    ("expires_at", "string"),
    ("merchant_id", "string"),
    ("subscription_id", "string"),
    ("plan_id", "string"),
    ("id_token", "string"),
    ("refresh_token", "string"),
    ("short_lived", "boolean"),
    ("errors", "[Error]"),
    ("refresh_token_expires_at", "string"),
];

const RETRIEVE_TOKEN_STATUS_RESPONSE: &[Member] = &[
    ("scopes", "[string]"),
    ("expires_at", "string"),
    ("client_id", "string"),
    ("merchant_id", "string"),
    ("errors", "[Error]"),
];

const REVOKE_TOKEN_RESPONSE: &[Member] = &[("success", "boolean"), ("errors", "[Error]")];

const ERROR: &[Member] = &[
    (
        "category",
        "API_ERROR | AUTHENTICATION_ERROR | INVALID_REQUEST_ERROR | RATE_LIMIT_ERROR | PAYMENT_METHOD_ERROR | REFUND_ERROR | MERCHANT_SUBSCRIPTION_ERROR | EXTERNAL_VENDOR_ERROR",
    ),
    ("code", "string"),
    ("detail", "string"),
    ("field", "string"),
];

const BOOKING_UPDATED_EVENT: &[Member] = &[
    ("merchant_id", "string?"),
    ("type", "string?"),
    ("event_id", "string?"),
    ("created_at", "string"),
    ("data", "BookingUpdatedEventData?"),
    // In the vendor's examples only.
    ("location_id", "string"),
];

const BOOKING_UPDATED_EVENT_DATA: &[Member] =
    &[("type", "string?"), ("id", "string"), ("object", "BookingUpdatedEventObject?")];

const BOOKING_UPDATED_EVENT_OBJECT: &[Member] = &[("booking", "Booking?")];

const CUSTOMER_CREATED_EVENT: &[Member] = &[
    ("merchant_id", "string?"),
    ("type", "string?"),
    ("event_id", "string?"),
    ("created_at", "string"),
    ("data", "CustomerCreatedEventData?"),
];

const CUSTOMER_CREATED_EVENT_DATA: &[Member] =
    &[("type", "string?"), ("id", "string"), ("object", "CustomerCreatedEventObject?")];

const CUSTOMER_CREATED_EVENT_OBJECT: &[Member] =
    &[("customer", "Customer?"), ("event_context", "CustomerCreatedEventEventContext?")];

const CUSTOMER_CREATED_EVENT_EVENT_CONTEXT: &[Member] =
    &[("merge", "CustomerCreatedEventEventContextMerge?")];

const CUSTOMER_CREATED_EVENT_EVENT_CONTEXT_MERGE: &[Member] =
    &[("from_customer_ids", "[string]?"), ("to_customer_id", "string?")];
